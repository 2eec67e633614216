"""weftd: the uplink and the container are both replay devices, attached over its configuration file."""

import json
import os
import re
import socket

from . import frames, machine, rules
from .system import System


class Weft(System):
    name = "weft"

    @classmethod
    def absent(cls, setup):
        return None if os.path.exists(setup.weftd) else f"{setup.weftd} is not built"

    @classmethod
    def version(cls, setup):
        return machine.run(setup.weftd, "--version").strip()

    @classmethod
    def hugepages_mib(cls, case):
        # Its packet buffers take three quarters of what is free, the small ones three quarters of that.
        return int(256 + case.mbufs * 2.7 / 1024 * 16 / 9)

    def can(self, case):
        return None if case.job.encap else "it has no such job"

    def start(self):
        self.socket_path = self.folder / "socket"
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.document(), indent=1))
        self.spawn([
            self.setup.weftd, "--config", config, "--socket", self.socket_path, "--cores", self.setup.core,
            "--idle", "poll", "--flow-entries", max(1 << 18, 2 * self.case.flows),
            "--eal", f"-d {self.setup.plugin}"])
        machine.wait_until(self._is_ready, "weftd is ready")

    def _is_ready(self):
        self.assert_alive()
        return re.search(r"weftd \S+ ready", self.log())

    def document(self):
        """The network as an operator writes it down: one container, one tunnel."""
        job = self.case.job
        segment = {
            "name": "blue", "tenant": "acme", "encap": job.encap, "vni": frames.NETWORK_ID,
            "local_vtep": frames.LOCAL_VTEP}
        document = {
            "ports": [{
                "name": "up0", "device": self.device(0), "addresses": [f"{frames.LOCAL_VTEP}/24"],
                "neighbors": [{"address": frames.REMOTE_VTEP, "mac": frames.REMOTE_VTEP_MAC}]}],
            "tenants": [{"name": "acme"}],
            "segments": [segment],
            "remotes": [{
                "segment": "blue", "vtep": frames.REMOTE_VTEP, "endpoints": [{"mac": frames.REMOTE_MAC}]}],
            "endpoints": [{
                "container": "c1", "segment": "blue", "kind": "ethdev", "device": self.device(1),
                "mac": frames.LOCAL_MAC, "addresses": [f"{frames.LOCAL_IP}/16"], "groups": ["app"]}],
        }
        if job.rules:
            segment["policy_default"] = "deny"
            document["policies"] = [{
                "tenant": "acme",
                "rules": [self._rule(number, rule) for number, rule in enumerate(rules.of(job))]}]
        if job.is_stateful:
            # Nothing is above the rate: a policer's work, without its losses.
            document["meters"] = [{
                "tenant": "acme", "name": "cap", "cir": "400Gbit/s", "cbs": 100_000_000, "ebs": 100_000_000}]
        return document

    def _rule(self, number, rule):
        ends = {"from": {"group": "app"}, "to": {"cidr": rule.network}}
        if not self.case.job.is_outbound:
            ends = {"from": ends["to"], "to": ends["from"]}
        more = {"class": "AF41", "meter": "cap"} if self.case.job.is_stateful else {"stateful": False}
        return {
            "name": f"r{number}", "priority": rule.priority, **ends, "protocol": "udp",
            "ports": f"{rule.first_port}-{rule.last_port}",
            "action": "allow" if rule.is_allowing else "deny", **more}

    def losses(self):
        rows = self.ask("drops.list")["drops"]
        return {row["reason"]: row["count"] for row in rows}

    def ask(self, method, **parameters):
        """One request over its control socket."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(str(self.socket_path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        if "error" in answer:
            raise machine.Trouble(f"weftd: {method}: {answer['error']['message']}")
        return answer["result"]
