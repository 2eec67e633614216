"""Podman with its CNI backend, in a folder of its own: images, networks and state of the machine are left
alone. A container is busybox and nothing else."""

import json
import os
import pathlib
import shutil
import subprocess

from .cni import IPAM_FOLDER, PROGRAM
from .namespace import run

BUSYBOX = pathlib.Path("/bin/busybox")  # Debian's busybox-static
WORDS = ("sh", "sleep", "ping", "ip", "nc", "cat")


def missing():
    """What a test has to be skipped for; nothing when all is there."""
    for path in (shutil.which("podman"), shutil.which("crun"), BUSYBOX):
        if not path or not pathlib.Path(path).exists():
            return "podman, crun and busybox-static are not installed (tests/deps test)"
    return ""


class Podman:
    def __init__(self, folder):
        self.folder = folder
        self.networks = folder / "net.d"
        self.networks.mkdir()
        self._make_rootfs(folder / "rootfs")
        config = folder / "containers.conf"
        config.write_text(
            "[network]\n"
            'network_backend = "cni"\n'
            f"cni_plugin_dirs = {json.dumps([str(PROGRAM.parent), IPAM_FOLDER])}\n"
            f"network_config_dir = {json.dumps(str(self.networks))}\n"
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n')
        self._environment = os.environ | {"CONTAINERS_CONF": str(config)}
        # Podman takes no path of more than 50 characters for this one, and writes there even when it has
        # ended. This mount namespace is the test run's own, and the mount ends with it.
        run("mount", "-t", "tmpfs", "none", "/mnt")
        self._runroot = "/mnt/podman"
        self._command = [
            "podman", "--root", folder / "root", "--runroot", self._runroot, "--tmpdir",
            folder / "tmp", "--storage-driver", "vfs"]
        # crun takes no hierarchies of both versions.
        run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")

    @staticmethod
    def _make_rootfs(root):
        for name in ("bin", "proc", "sys", "dev", "etc", "run", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, root / "bin" / "busybox")
        for word in WORDS:
            (root / "bin" / word).symlink_to("busybox")

    def network(self, name, plugin):
        """A file in the folder of networks, as an operator drops it."""
        listed = {"cniVersion": "0.4.0", "name": name, "plugins": [plugin]}
        (self.networks / f"{name}.conflist").write_text(json.dumps(listed))

    def __call__(self, *words, check=True):
        return run(*self._command, *words, check=check, env=self._environment)

    def start(self, name, networks, *options):
        self("run", "-d", "--name", name, "--cgroups=disabled", "--network", networks, *options,
             "--rootfs", self.folder / "rootfs", "/bin/sleep", "1000")

    def inside(self, name, *words, check=True):
        return self("exec", name, *words, check=check)

    def stop(self):
        self("rm", "-f", "-a", "-t", "0", check=False)
        subprocess.run(["umount", "-l", "/sys/fs/cgroup"], check=False)
