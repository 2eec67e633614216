"""Who may talk to whom, without a system's words: each system writes the same rules in its own.

Every rule is about UDP between the container and a network, and a range of ports of who answers. The
ranges are powers of two and aligned, so that a port and a mask can say the same.
"""

import dataclasses

from . import frames


@dataclasses.dataclass(frozen=True)
class Rule:
    network: str  # of the far side: "10.2.0.0/24"
    first_port: int
    ports: int
    priority: int = 100  # the higher decides
    is_allowing: bool = True

    @property
    def last_port(self):
        return self.first_port + self.ports - 1

    @property
    def port_mask(self):
        return 0xFFFF & ~(self.ports - 1)


def of(job):
    if not job.rules:
        return []
    return adversarial(job.rules, job.hosts) if job.is_adversarial else per_host(job.rules)


def per_host(count):
    """A rule for each host, which allows the services."""
    return [
        Rule(f"{frames.host_ip(host)}/32", frames.FIRST_SERVICE, frames.SERVICES)
        for host in range(count)]


def adversarial(count, hosts):
    """Prefixes of 16 lengths and port ranges of 13 widths, overlapping, at 50 priorities.

    Three of four deny, what the traffic does not use; the rest allow services, to networks of any
    size around a host. The last one allows all services, below all others.
    """
    found = []
    for number in range(count - 1):
        length = 17 + number % 16
        ports = 1 << number // 16 % 13
        host = number * 7919 % hosts
        address = int.from_bytes(frames.ip_octets(frames.host_ip(host)), "big")
        address &= ~((1 << 32 - length) - 1)
        network = ".".join(map(str, address.to_bytes(4, "big"))) + f"/{length}"
        is_allowing = number % 4 == 0 and ports >= frames.SERVICES
        first = frames.FIRST_SERVICE & ~(ports - 1)
        if not is_allowing:
            first = (8192 + number * 4096 % 49152) & ~(ports - 1)
        found.append(Rule(network, first, ports, 1 + number * 31 % 50, is_allowing))
    found.append(Rule("10.2.0.0/16", frames.FIRST_SERVICE, frames.SERVICES, 0))
    return found
