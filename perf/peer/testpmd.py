"""dpdk-testpmd, forwarding between the two devices: the ceiling."""

import shutil

from . import machine
from .system import System


class Testpmd(System):
    name = "testpmd"
    is_ceiling = True
    PROGRAM = "dpdk-testpmd"

    @classmethod
    def absent(cls, setup):
        return None if shutil.which(cls.PROGRAM) else f"{cls.PROGRAM} (package dpdk) is not installed"

    @classmethod
    def version(cls, setup):
        return "DPDK " + machine.run("dpkg-query", "-W", "-f", "${Version}", "dpdk")

    @classmethod
    def hugepages_mib(cls, case):
        return int(96 + case.mbufs * 2.6 / 1024)

    def start(self):
        # One queue pair each; port 0 is paired with port 1, one core polls both.
        self.spawn([
            self.PROGRAM, "--lcores", f"0@{self.setup.control_core},1@{self.setup.core}", "--no-pci",
            "--file-prefix", f"peers-{self.setup.tag}-testpmd", "--in-memory", "--no-telemetry",
            "-d", self.setup.plugin, "--vdev", self.device(0), "--vdev", self.device(1), "--",
            f"--total-num-mbufs={self.case.mbufs}", f"--burst={self.setup.burst}", "--nb-cores=1",
            "--forward-mode=io", "--no-flush-rx", "--auto-start",
            # Without a period it waits for a key, and standing still interrupts that.
            "--stats-period=100000"])
