"""VTEPs that nobody here wrote: the kernel's VXLAN device and Open vSwitch in userspace."""

import os
import shutil
import signal
import tempfile

from .namespace import run, wait_until

OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def underlay(host, addresses, interface="net0"):
    for address in addresses:
        host.ip(f"addr add {address} dev {interface}")


class KernelVxlan:
    """A kernel VXLAN device of `host`, moved into `container` as its eth0."""

    def __init__(
            self, host, container, vni=5001, local="192.0.2.2", remote="192.0.2.1",
            addresses=("10.1.0.2/24", "fd00::2/64"), mtu=None, options="",
            port=4789):
        prefix = 64 if ":" in local else 24
        underlay(host, [f"{local}/{prefix}"])
        # The receiver must be told to take zero UDP checksums over IPv6 (RFC 6935).
        zero = "" if options or ":" not in local else "udp6zerocsumrx"
        host.ip(
            f"link add vx{vni} type vxlan id {vni} local {local} remote {remote} dstport {port} "
            f"dev net0 {zero} {options}")
        host.ip(f"link set vx{vni} netns {container.name} name eth0")
        if mtu is None:
            mtu = 1430 if ":" in local else 1450
        container.ip(f"link set eth0 mtu {mtu} up")
        for address in addresses:
            container.ip(f"addr add {address} dev eth0")


class OpenVSwitch:
    """Open vSwitch with its userspace datapath in `host`: no kernel module, its own run folder.

    br-phy holds the underlay's interface and the VTEP address; br-int holds the container and the
    tunnel port. `encap`: "vxlan" or "gre", whose 32-bit key is VSID and FlowID (RFC 7637 s3.2).
    """

    def __init__(
            self, host, container, encap="vxlan", vni=5001, local="192.0.2.2/24", remote="192.0.2.1",
            addresses=("10.1.0.2/24", "fd00::2/64"), flow_id=7, mtu=1400):
        self.host = host
        # Not below pytest's folder: the path of a unix socket ends after 108 characters.
        self.folder = tempfile.mkdtemp(prefix="weft-ovs-")
        self._start()
        self._bridges(local)
        self._container(container, addresses, mtu)
        self._tunnel(encap, vni, remote, flow_id)

    def _run(self, *command):
        return self.host.run("env", f"OVS_RUNDIR={self.folder}", *command).stdout

    def _control(self, *words):
        return self._run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", *words)

    def _start(self):
        run("ovsdb-tool", "create", f"{self.folder}/conf.db", OVS_SCHEMA)
        common = ["--detach", "--no-chdir", "-vconsole:off"]
        self._run(
            "ovsdb-server", f"{self.folder}/conf.db", f"--remote=punix:{self.folder}/db.sock",
            f"--pidfile={self.folder}/ovsdb-server.pid", f"--log-file={self.folder}/ovsdb.log", *common)
        self._control("--no-wait", "init")
        self._run(
            "ovs-vswitchd", f"unix:{self.folder}/db.sock", f"--pidfile={self.folder}/ovs-vswitchd.pid",
            f"--log-file={self.folder}/vswitchd.log", *common)

    def _bridges(self, local):
        for bridge in ("br-phy", "br-int"):
            self._control(
                "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev",
                "fail-mode=secure" if bridge == "br-int" else "fail-mode=standalone")
        # br-phy takes over the MAC of the interface, as a host's bridge does.
        self._control(
            "set", "bridge", "br-phy", f"other-config:hwaddr={self.host.mac('net0')}", "--",
            "add-port", "br-phy", "net0")
        self.host.ip(f"addr add {local} dev br-phy")
        self.host.ip("link set br-phy up")

    def _container(self, container, addresses, mtu):
        # The MTU leaves room for the tunnel: this datapath does not segment.
        run(
            "ip", "link", "add", "eth0", "mtu", mtu, "netns", container.name, "type", "veth",
            "peer", "name", "c", "mtu", mtu, "netns", self.host.name)
        container.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
        self.host.ip("link set c up")
        container.ip("link set eth0 up")
        for address in addresses:
            container.ip(f"addr add {address} dev eth0")
        self._control("add-port", "br-int", "c", "--", "set", "interface", "c", "ofport_request=1")

    def _tunnel(self, encap, vni, remote, flow_id):
        key = vni if encap == "vxlan" else vni << 8 | flow_id
        # key=flow: the key comes from the flow table and any key is received, because the lower
        # eight bits are the sender's FlowID.
        self._control(
            "add-port", "br-int", "tun", "--", "set", "interface", "tun", f"type={encap}",
            f"options:remote_ip={remote}", "options:key=flow", "ofport_request=2")
        mask = "0xffffff" if encap == "vxlan" else "0xffffff00"
        flows = (
            f"in_port=1,actions=set_field:{key}->tun_id,output:2",
            f"in_port=2,tun_id={key}/{mask},actions=output:1")
        for flow in flows:
            self._run("ovs-ofctl", "add-flow", f"{self.folder}/br-int.mgmt", flow)
        wait_until(lambda: "br-phy" in self._appctl("ovs/route/show"), "OVS knows its routes")

    def _appctl(self, *words):
        return self._run("ovs-appctl", "-t", "ovs-vswitchd", *words)

    def stop(self):
        for name in ("ovs-vswitchd", "ovsdb-server"):
            try:
                with open(f"{self.folder}/{name}.pid", encoding="ascii") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        shutil.rmtree(self.folder, ignore_errors=True)
