"""What is measured: jobs, and cases of them (a number of flows, a frame size)."""

import dataclasses

from . import frames

@dataclasses.dataclass(frozen=True)
class Job:
    name: str
    encap: str = ""            # "vxlan", "nvgre"; "": nothing is done to a frame
    is_outbound: bool = True   # from the container to the tunnel
    rules: int = 0             # who may talk to whom (rules.py)
    is_adversarial: bool = False  # the rules overlap and have many shapes
    is_stateful: bool = False  # connection state, and the class and the policer that rules give
    restore: int = 0           # octets of each frame that systems write and the device restores
    hosts: int = 1000          # on the far side
    fixed_flows: int = 0       # so many, whatever is asked for
    note: str = ""

    @property
    def source(self):
        """The device that receives; the other one sends."""
        return 1 if self.is_outbound else 0

    @property
    def overhead(self):
        """Octets that frames grow by."""
        return frames.OVERHEAD.get(self.encap, 0) * (1 if self.is_outbound else -1)


JOBS = {job.name: job for job in (
    Job("io", note="the ceiling: frames are received and sent, nothing else"),
    Job("vxlan-encap", "vxlan"),
    Job("vxlan-decap", "vxlan", is_outbound=False),
    Job("nvgre-encap", "nvgre"),
    Job("nvgre-decap", "nvgre", is_outbound=False),
    Job("real-encap", "vxlan", rules=1000, is_stateful=True, restore=64,
        note="VXLAN encapsulation with 1,000 rules, connection state, class and policer"),
    Job("real-decap", "vxlan", is_outbound=False, rules=1000, is_stateful=True, restore=128,
        note="VXLAN decapsulation with 1,000 rules, connection state, class and policer"),
    Job("rules-10", "vxlan", rules=10, is_adversarial=True, hosts=60_000, fixed_flows=1_000_000,
        note="VXLAN encapsulation, 10 rules without connection state: each packet is judged"),
    Job("rules-10k", "vxlan", rules=10_000, is_adversarial=True, hosts=60_000, fixed_flows=1_000_000,
        note="the same with 10,000 rules of many shapes"),
)}


def expand(name):
    """The jobs that a name stands for: "real" is real-encap and real-decap."""
    return [job for job in JOBS if job == name or job.startswith(name + "-")]


@dataclasses.dataclass(frozen=True)
class Case:
    """Device 0 is the uplink, device 1 the container."""
    job: Job
    flows: int
    size: str  # a key of frames.SIZES

    MOST_RESIDENT = 4096  # frames that lie in packet buffers of their own
    SLOTS = 2048          # else they go round through so many, as through a NIC's rings

    @property
    def name(self):
        return f"{self.job.name} {self.flows} {self.size}"

    def device(self, index, folder, gate):
        """Its name and arguments for DPDK. `folder` has the frames, and the answers if there are."""
        words = [f"net_replay{index}", f"gate={gate}"]
        if index == self.job.source:
            words.append(f"pcap={folder}/frames.pcap")
            if self.flows > self.MOST_RESIDENT:
                words.append(f"slots={self.SLOTS}")
            elif self.job.restore:
                words.append(f"restore={self.job.restore}")
        elif self.job.is_stateful:
            words += [f"pcap={folder}/answers.pcap", f"slots={self.SLOTS}"]
        return ",".join(words)

    @property
    def mbufs(self):
        """Packet buffers that a system needs: one per frame, and some to work with."""
        resident = self.SLOTS if self.flows > self.MOST_RESIDENT else max(self.flows, 512)
        return resident + (self.SLOTS if self.job.is_stateful else 0) + 8192
