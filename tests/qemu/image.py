"""An initramfs in memory: files of this machine, at the places where they are here, as a cpio archive.

The format is the kernel's "newc" (Documentation/driver-api/early-userspace/buffer-format.rst): for each
file a header of thirteen 8-digit hexadecimal fields, its name and its octets, both padded to four.
"""

import pathlib
import re
import stat
import subprocess

DIRECTORY, SYMLINK, FILE, CHARACTER_DEVICE = (
    stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777, stat.S_IFREG | 0o755, stat.S_IFCHR | 0o600)


class Image:
    def __init__(self):
        self._parts = []
        self._names = set()
        # The root itself: EAL wants it to be writable for its owner only.
        self._append(".", DIRECTORY, b"")

    def directory(self, name):
        """And those above it."""
        if name in self._names:
            return
        self.directory(str(pathlib.PurePosixPath(name).parent))
        self._append(name, DIRECTORY, b"")

    def file(self, name, octets):
        self._below(name, FILE, octets)

    def console(self):
        """What init has as its standard output: character device 5:1."""
        self._below("dev/console", CHARACTER_DEVICE, b"", device=(5, 1))

    def host_file(self, path):
        """A file of this machine; what symbolic links it hides behind are in the image too."""
        path = pathlib.Path(path)
        # /lib is a link to usr/lib on Debian: real folders, then each link of the name itself.
        path = path.parent.resolve() / path.name
        name = str(path).lstrip("/")
        if name in self._names:
            return
        if path.is_symlink():
            target = path.readlink()
            self._below(name, SYMLINK, str(target).encode())
            self.host_file(path.parent / target)
        else:
            self.file(name, path.read_bytes())

    def program(self, path):
        """A program or library of this machine with everything that the dynamic linker loads for it."""
        for library in linked_with(path):
            self.host_file(library)
        self.host_file(path)

    def link(self, name, target):
        self._below(name, SYMLINK, target.encode())

    def archive(self):
        return b"".join([*self._parts, *record("TRAILER!!!", 0, b"", len(self._parts))])

    def _below(self, name, mode, octets, device=(0, 0)):
        self.directory(str(pathlib.PurePosixPath(name).parent))
        self._append(name, mode, octets, device)

    def _append(self, name, mode, octets, device=(0, 0)):
        if name not in self._names:
            self._names.add(name)
            self._parts += record(name, mode, octets, len(self._names), device)


def record(name, mode, octets, inode, device=(0, 0)):
    """One file of the archive."""
    fields = (
        inode, mode, 0, 0, 1, 0,  # inode, mode, uid, gid, links, time
        len(octets), 0, 0, *device,  # size, the archive's own device, the file's device
        len(name) + 1, 0)  # size of the name with its zero, checksum (none)
    header = "070701" + "".join(f"{field:08X}" for field in fields)
    return padded(header.encode() + name.encode() + b"\0"), padded(octets)


def padded(octets):
    return octets + bytes(-len(octets) % 4)


def linked_with(path):
    """The libraries that a program needs, the dynamic linker among them."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)
