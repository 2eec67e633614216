"""Debian's cloud kernel, unpacked below a cache folder and not installed."""

import pathlib
import shutil
import subprocess

PACKAGE = "linux-image-cloud-amd64"  # depends on the newest one


class Missing(Exception):
    """Something that this machine does not have, as a sentence."""


class Kernel:
    """`modules()` wants its folder as depmod left it."""

    def __init__(self, root):
        self._root = root
        self.image = next(root.glob("boot/vmlinuz-*"))
        self.version = self.image.name.removeprefix("vmlinuz-")

    def modules(self, names):
        """Their files with those they need, in the order to load them; built-in ones are left out."""
        listed = subprocess.run(
            ["modprobe", "-d", self._root, "-S", self.version, "--show-depends", "-a", *names],
            capture_output=True, text=True, check=False)
        if listed.returncode != 0:
            raise Missing(f"kernel {self.version}: {listed.stderr.strip()}")
        lines = [line.split() for line in listed.stdout.splitlines()]
        return list(dict.fromkeys(pathlib.Path(words[1]) for words in lines if words[0] == "insmod"))


def fetch(cache, seconds):
    """The kernel in `cache`, after fetching it if it is not there."""
    root = cache / "kernel"
    if not root.exists():
        for tool in ("apt-get", "dpkg", "depmod", "modprobe"):
            if not shutil.which(tool):
                raise Missing(f"{tool} is not installed, and there is no kernel in {root}")
        # Complete or not there at all, also when this ends early.
        partial = cache / "kernel.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        unpack(download(partial, seconds), partial)
        partial.rename(root)
    return Kernel(root)


def download(folder, seconds):
    """The package file."""
    try:
        listed = subprocess.run(
            ["apt-cache", "depends", "--important", PACKAGE], capture_output=True, text=True,
            check=True, timeout=seconds).stdout
        name = next(
            line.split()[-1] for line in listed.splitlines() if "Depends: linux-image-" in line)
        subprocess.run(
            ["apt-get", "download", "-q", name], cwd=folder, check=True, timeout=seconds)
    except (subprocess.SubprocessError, StopIteration) as error:
        raise Missing(f"{PACKAGE} can not be fetched ({type(error).__name__})") from error
    return next(folder.glob("*.deb"))


def unpack(package, folder):
    subprocess.run(["dpkg", "-x", package, folder], check=True)
    package.unlink()
    version = next(folder.glob("lib/modules/*")).name
    subprocess.run(["depmod", "-b", folder, version], check=True)
