"""CPU time: of the machine, and of the processes that take part.

The kernel forwards in softirqs. They run in whatever process they strike and are booked as its time,
or in the kernel's ksoftirqd threads; no exact account is kept of them unless the kernel has
CONFIG_IRQ_TIME_ACCOUNTING. "ours" is the sum of weftd, both programs and ksoftirqd: it leaves out
other programs on the machine, and softirqs that strike those or an idle CPU. "busy" is the whole
machine: exact if nothing else runs.
"""

import os
import pathlib
import time

from .isolation import HOST_PROC

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class Snapshot:
    """Seconds since something; only differences mean anything. `groups`: {name: [pid, ...]}."""

    def __init__(self, cpus, groups):
        self.wall = time.monotonic()
        self.states = _states(cpus)
        self.groups = {name: sum(map(process_seconds, pids)) for name, pids in groups.items()}
        self.states["foreign"] = self.states["user"] - sum(
            _user_seconds(pid) for pids in [*groups.values(), [os.getpid()]] for pid in pids)
        self.groups["ksoftirqd"] = sum(process_seconds(pid, HOST_PROC) for pid in _ksoftirqd(cpus))


def between(before, after):
    """CPUs in use on average: busy, softirq, user (whole machine), foreign (user mode, of programs that
    do not belong here), each group, ours (the groups together)."""
    wall = after.wall - before.wall
    states = {name: (after.states[name] - before.states[name]) / wall for name in after.states}
    groups = {name: (after.groups[name] - before.groups[name]) / wall for name in after.groups}
    return {**states, **groups, "ours": sum(groups.values())}


def process_seconds(pid, proc=pathlib.Path("/proc")):
    """What all threads of a process have run; 0.0 when it is gone."""
    total = 0
    try:
        for task in (proc / str(pid) / "task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except OSError:
        return 0.0
    return total / 1e9


def _user_seconds(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return int(words[11]) * _TICK


def _ksoftirqd(cpus):
    wanted = {f"ksoftirqd/{cpu}\n" for cpu in cpus}
    found = []
    for path in HOST_PROC.glob("[0-9]*/comm"):
        try:
            if path.read_text() in wanted:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _states(cpus):
    sums = {"busy": 0.0, "softirq": 0.0, "user": 0.0}
    wanted = {f"cpu{cpu}" for cpu in cpus}
    for text in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *ticks = text.split()
        if name not in wanted:
            continue
        user, nice, system, _idle, _iowait, irq, softirq, steal = (int(t) * _TICK for t in ticks[:8])
        sums["busy"] += user + nice + system + irq + softirq + steal
        sums["softirq"] += irq + softirq
        sums["user"] += user + nice
    return sums
