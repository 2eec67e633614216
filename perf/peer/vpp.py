"""VPP, where it is installed with a DPDK 22.11 that is shared (Debian 12 has no package of it).

A bridge domain with the container and a VXLAN tunnel; the uplink has VPP's bypass node, which is its fast
way to decapsulate. Only bare VXLAN: GRE in VPP has no key, so there is no NVGRE.
"""

import re
import shutil

from . import frames, machine
from .system import System

SETUP = """
set interface state up0 up
set interface state c1 up
set interface ip address up0 {local}/24
set ip neighbor static up0 {remote} {remote_mac}
create vxlan tunnel src {local} dst {remote} vni {network} decap-next l2
set interface ip vxlan-bypass up0
set interface l2 bridge c1 1
set interface l2 bridge vxlan_tunnel0 1
l2fib add {inner_remote} 1 vxlan_tunnel0 static
l2fib add {inner_local} 1 c1 static
"""

STARTUP = """
unix {{ nodaemon runtime-dir {folder} cli-listen {folder}/cli.sock exec {folder}/setup.cli }}
api-segment {{ prefix peers-{tag} }}
cpu {{ main-core {control_core} corelist-workers {core} }}
buffers {{ buffers-per-numa {mbufs} }}
plugins {{
  plugin default {{ disable }}
  plugin dpdk_plugin.so {{ enable }}
  plugin vxlan_plugin.so {{ enable }}
}}
dpdk {{
  no-pci
  driver {plugin}
  vdev {device0} {{ name up0 }}
  vdev {device1} {{ name c1 }}
}}
"""


class Vpp(System):
    name = "vpp"

    @classmethod
    def absent(cls, setup):
        return None if shutil.which("vpp") else "vpp is not on the path (Debian 12 has no package of it)"

    @classmethod
    def version(cls, setup):
        found = re.search(r"vpp v\S+", machine.run("vpp", "--version"))
        return found.group(0) if found else "vpp ?"

    @classmethod
    def hugepages_mib(cls, case):
        return int(256 + case.mbufs * 2.6 / 1024)

    def can(self, case):
        is_bare = case.job.encap == "vxlan" and not case.job.rules
        return None if is_bare else "the job is not written for it"

    def start(self):
        setup = self.setup
        (self.folder / "setup.cli").write_text(SETUP.format(
            local=frames.LOCAL_VTEP, remote=frames.REMOTE_VTEP, remote_mac=frames.REMOTE_VTEP_MAC,
            network=frames.NETWORK_ID, inner_remote=frames.REMOTE_MAC, inner_local=frames.LOCAL_MAC))
        startup = self.folder / "startup.conf"
        startup.write_text(STARTUP.format(
            folder=self.folder, tag=setup.tag, control_core=setup.control_core, core=setup.core,
            mbufs=self.case.mbufs, plugin=setup.plugin, device0=self.device(0), device1=self.device(1)))
        self.spawn(["vpp", "-c", startup])

    def losses(self):
        errors = machine.run("vppctl", "-s", self.folder / "cli.sock", "show", "errors")
        found = re.findall(r"^\s*(\d+)\s+(\S+)\s+(.*?)\s+(?:error|warn)", errors, re.MULTILINE)
        return {f"{node}: {reason}": int(count) for count, node, reason in found}
