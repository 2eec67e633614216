"""Open vSwitch with DPDK, as Debian packages it, in a run directory and a network namespace of its own.

The way its manual says: br-int has the container and the tunnel, br-phy the uplink and the VTEP's address.
"""

import os
import pathlib
import re

from . import frames, machine, rules
from .system import System, descendants

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
CONTAINER, TUNNEL = 1, 2  # OpenFlow ports of br-int
KEY_MASK = {"vxlan": 0xFFFFFF, "nvgre": 0xFFFFFF00}  # NVGRE's lower eight bits are the FlowID


class OpenVswitch(System):
    name = "ovs"
    # Its three ways to find a flow: exact match cache (the default), signature match cache, neither.
    modes = ("emc", "smc", "megaflow")
    SETTINGS = {
        "emc": ("emc-insert-inv-prob=100", "smc-enable=false"),
        "smc": ("emc-insert-inv-prob=0", "smc-enable=true"),
        "megaflow": ("emc-insert-inv-prob=0", "smc-enable=false"),
    }

    @classmethod
    def absent(cls, setup):
        if os.path.exists(DAEMON):
            return None
        return f"{DAEMON} (package openvswitch-switch-dpdk) is not installed"

    @classmethod
    def version(cls, setup):
        return "Open vSwitch " + re.search(r"Open vSwitch\) (\S+)", machine.run(DAEMON, "--version")).group(1)

    @classmethod
    def hugepages_mib(cls, case):
        # Its pool has 262,144 buffers, or half of that as often as it takes to fit the limit.
        count = 1 << 14
        while count < case.mbufs:
            count *= 2
        return int(96 + count * 3.3 / 1024)

    def can(self, case):
        return None if case.job.encap else "it has no such job"

    # -- starting -----------------------------------------------------------------------------------

    def start(self):
        self.rundir = self.folder / "run"
        self.rundir.mkdir()
        self.environment = {**os.environ, "OVS_RUNDIR": str(self.rundir), "OVS_LOGDIR": str(self.rundir)}
        database = self.rundir / "conf.db"
        machine.run("ovsdb-tool", "create", database, SCHEMA)
        self.socket = f"unix:{self.rundir}/db.sock"
        self.spawn(
            ["ovsdb-server", database, f"--remote=p{self.socket}", "-vconsole:off",
             f"--log-file={self.rundir}/ovsdb.log"], env=self.environment)
        machine.wait_until((self.rundir / "db.sock").exists, "ovsdb-server answers")
        self._control("--no-wait", "init")
        self._control("--no-wait", "set", "Open_vSwitch", ".", *(
            f'other_config:{key}="{value}"' for key, value in self._dpdk_settings().items()))
        self.daemon = self.spawn(
            ["unshare", "--net", "sh", "-c",
             # No IPv6: the bridges' interfaces would solicit routers and neighbours meanwhile.
             'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && exec "$@"', "sh",
             DAEMON, self.socket, "-vconsole:off", f"--unixctl={self.rundir}/ctl",
             f"--log-file={self.rundir}/vswitchd.log"], env=self.environment)
        machine.wait_until(self._has_dpdk, "Open vSwitch has started DPDK")
        self._add_bridges()
        self._add_flows()

    def _has_dpdk(self):
        self.assert_alive()
        return "true" in self._control("--no-wait", "get", "Open_vSwitch", ".", "dpdk_initialized")

    def _dpdk_settings(self):
        setup = self.setup
        extra = (
            f"--no-pci --in-memory --file-prefix peers-{setup.tag}-ovs -d {setup.plugin} "
            f"--vdev {self.device(0)} --vdev {self.device(1)}")
        return {
            "dpdk-init": "true",
            "dpdk-extra": extra,
            "dpdk-lcore-mask": hex(1 << setup.control_core),
            "pmd-cpu-mask": hex(1 << setup.core),
            "dpdk-socket-mem": "64",
            "dpdk-socket-limit": str(self.hugepages_mib(self.case)),
            # Flows are not forgotten while it stands still.
            "max-idle": "600000",
        }

    def _add_bridges(self):
        for bridge in ("br-phy", "br-int"):
            self._control(
                "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev",
                "fail-mode=secure" if bridge == "br-int" else "fail-mode=standalone")
        # br-phy has the MAC of the uplink, as a host's bridge does.
        self._control("set", "bridge", "br-phy", f"other-config:hwaddr={frames.UPLINK_MAC}")
        for bridge, port, device, number in (
                ("br-phy", "up0", "net_replay0", 1), ("br-int", "c1", "net_replay1", CONTAINER)):
            self._control(
                "add-port", bridge, port, "--", "set", "interface", port, "type=dpdk",
                f"options:dpdk-devargs={device}", f"ofport_request={number}")
        kind = {"vxlan": "vxlan", "nvgre": "gre"}[self.case.job.encap]
        self._control(
            "add-port", "br-int", "tun", "--", "set", "interface", "tun", f"type={kind}",
            f"options:remote_ip={frames.REMOTE_VTEP}", "options:key=flow", "options:tos=inherit",
            f"ofport_request={TUNNEL}")
        self._assert_no_port_failed()
        self._in_namespace("ip", "address", "add", f"{frames.LOCAL_VTEP}/24", "dev", "br-phy")
        self._in_namespace("ip", "link", "set", "br-phy", "up")
        machine.wait_until(
            lambda: "br-phy" in self._appctl("ovs/route/show"), "Open vSwitch knows its route")
        self._appctl("tnl/neigh/set", "br-phy", frames.REMOTE_VTEP, frames.REMOTE_VTEP_MAC)

    def _assert_no_port_failed(self):
        for port in ("up0", "c1", "tun"):
            error = self._control("get", "interface", port, "error").strip()
            if error != "[]":
                raise machine.Trouble(f"Open vSwitch: port {port}: {error}\n{self.log()[-3000:]}")

    # -- what an operator writes ------------------------------------------------------------------------

    def _key(self):
        network = frames.NETWORK_ID
        return network if self.case.job.encap == "vxlan" else network << 8

    def _add_flows(self):
        job = self.case.job
        if job.is_stateful:
            self._ofctl("add-meter", "br-int", "meter=1,kbps,band=type=drop,rate=400000000")
        flows = self._tunnel_flows() + (self._stateful_flows() if job.is_stateful else self._rule_flows())
        path = self.folder / "flows"
        path.write_text("\n".join(flows) + "\n")
        self._ofctl("add-flows", "br-int", path)

    def _tunnel_flows(self):
        """Table 0 says where a frame comes from, table 2 where it goes."""
        mask = KEY_MASK[self.case.job.encap]
        which, first = ("ip,", "ct(zone=1,table=1)") if self.case.job.is_stateful else ("", "resubmit(,1)")
        return [
            f"table=0,{which}in_port={CONTAINER},actions=set_field:{self._key()}->tun_id,{first}",
            f"table=0,{which}in_port={TUNNEL},tun_id={self._key()}/{mask:#x},actions={first}",
            f"table=2,in_port={CONTAINER},actions=output:{TUNNEL}",
            f"table=2,in_port={TUNNEL},actions=output:{CONTAINER}",
        ]

    def _rule_flows(self):
        """Table 1 is the access list; without one everything passes."""
        found = [f"{self._match(rule)},actions={'resubmit(,2)' if rule.is_allowing else 'drop'}"
                 for rule in rules.of(self.case.job)]
        return found or ["table=1,actions=resubmit(,2)"]

    def _stateful_flows(self):
        """Table 1 asks the access list for new connections only; the connection remembers its class."""
        treat = f"meter:1,set_field:{frames.CLASS}->ip_dscp,resubmit(,2)"
        mark = f"ct(commit,zone=1,exec(set_field:{frames.CLASS}->ct_mark))"
        return [
            f"table=1,priority=20000,ct_state=+trk+est-inv,ct_mark={frames.CLASS},ip,actions={treat}",
            "table=1,priority=20000,ct_state=+trk+inv,actions=drop",
        ] + [
            f"{self._match(rule, 'ct_state=+trk+new,')},actions="
            + (f"meter:1,{mark},{treat.partition(',')[2]}" if rule.is_allowing else "drop")
            for rule in rules.of(self.case.job)]

    def _match(self, rule, more=""):
        ours, theirs = ("src", "dst") if self.case.job.is_outbound else ("dst", "src")
        return (
            f"table=1,priority={rule.priority + 1},{more}udp,nw_{ours}={frames.LOCAL_IP},"
            f"nw_{theirs}={rule.network},tp_dst={rule.first_port:#x}/{rule.port_mask:#x}")

    # -- its turns ----------------------------------------------------------------------------------------

    def set_mode(self, mode):
        self._control("set", "Open_vSwitch", ".", *(
            f"other_config:{setting}" for setting in self.SETTINGS[mode]))

    def losses(self):
        counters = self._appctl("coverage/show")
        found = re.findall(r"^(datapath_drop_\w+) .* total: (\d+)", counters, re.MULTILINE)
        return {name: int(value) for name, value in found}

    # -- its programs -------------------------------------------------------------------------------------

    def log(self):
        texts = [super().log()]
        for name in ("vswitchd.log", "ovsdb.log"):
            path = self.rundir / name
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()
                texts.append("\n".join(line for line in lines if "|INFO|" not in line or "dpdk" in line))
        return "\n".join(texts)

    def _control(self, *words):
        return machine.run("ovs-vsctl", f"--db={self.socket}", "--timeout=60", *words, seconds=90)

    def _ofctl(self, verb, bridge, *words):
        return machine.run(
            "ovs-ofctl", "-O", "OpenFlow13", verb, f"unix:{self.rundir}/{bridge}.mgmt", *words, seconds=90)

    def _appctl(self, *words):
        self.assert_alive()
        return machine.run("ovs-appctl", "-t", self.rundir / "ctl", *words)

    def _in_namespace(self, *words):
        return machine.run("nsenter", f"--net=/proc/{self._vswitchd()}/ns/net", *words)

    def _vswitchd(self):
        """unshare becomes the daemon."""
        self.assert_alive()
        for pid in descendants(self.daemon.pid):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("ovs-vswitchd"):
                return pid
        raise machine.Trouble(f"ovs-vswitchd is gone:\n{self.log()[-3000:]}")
