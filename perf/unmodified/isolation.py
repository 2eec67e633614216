"""A script in a machine of its own: namespaces that end with it, a folder that is removed, one at a time."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from peer.machine import Trouble

_INSIDE = "WEFT_PERF_INSIDE"
# Processes outside are seen here, kernel threads among them.
HOST_PROC = pathlib.Path("/mnt/proc")


def enter():
    """Starts the script again as process 1 of new namespaces; returns there only.

    /run/netns is empty in there, so names of namespaces can not collide. However the script ends,
    also by SIGKILL, the kernel ends whatever it started and frees its namespaces.
    """
    if os.environ.get(_INSIDE):
        # Process 1 gets only the signals that it has a handler for.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return
    if os.geteuid() != 0:
        raise Trouble("this must be run as root: it makes network namespaces")
    os.environ[_INSIDE] = "1"
    inside = (
        f"mount -t tmpfs none {HOST_PROC.parent} && mkdir {HOST_PROC} && mount --bind /proc {HOST_PROC} && "
        "mount -t proc proc /proc && mount -t sysfs none /sys && "
        "mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up && exec \"$@\"")
    os.execvp("unshare", [
        "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--propagation", "private", "sh",
        "-c", inside, "sh", sys.executable, *sys.argv])


@contextlib.contextmanager
def alone(name):
    """Two of these at once would measure each other."""
    with open(f"/tmp/weft-{name}.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble(f"another perf/{name} is running") from error
        yield


@contextlib.contextmanager
def folder(name, keep=False):
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"weft-{name}-"))
    try:
        yield path
    finally:
        if keep:
            print(f"kept: {path}", file=sys.stderr)
        else:
            shutil.rmtree(path, ignore_errors=True)


def confine(count):
    """This process and all that it starts run on the first `count` of its CPUs; returns those."""
    cpus = sorted(os.sched_getaffinity(0))[:count]
    if len(cpus) < count:
        raise Trouble(f"{count} CPUs are needed, this process may use {len(cpus)}")
    os.sched_setaffinity(0, cpus)
    return cpus
