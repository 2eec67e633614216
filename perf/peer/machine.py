"""The machine: its processor, its hugepages, its load; and programs that end with the harness."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time

HUGEPAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PR_SET_PDEATHSIG = 1
NICENESS = -10
_libc = ctypes.CDLL(None, use_errno=True)


class Trouble(Exception):
    """Something that the user can do something about; the text says what."""


def wait_until(condition, what, seconds=20.0, pause=0.05):
    """Polls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Trouble(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)


def run(*command, seconds=30):
    """Runs a program to its end and returns its output."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"`{' '.join(words)}` did not end within {seconds} s") from error
    if done.returncode != 0:
        raise Trouble(
            f"`{' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def start(command, log, **options):
    """Starts a program that ends with this one, whatever ends this one."""
    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # Fewer interruptions by whatever else runs; the same for all that are measured.
        os.nice(NICENESS)
    with open(log, "ab") as file:
        return subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=prepare, **options)


def threads_on(pid, core):
    """The threads of a process that may run on this core only."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            allowed = re.search(r"Cpus_allowed_list:\s*(\S+)", (task / "status").read_text())
            if allowed.group(1) == str(core):
                found.append(task)
    return found


def cpu_nanoseconds(task):
    """What a thread has run so far."""
    return int((task / "schedstat").read_text().split()[0])


class Hugepages:
    """Hugepages of 2 MiB beyond those that the machine has; given back at the end.

    `add` just before each program that needs them: whatever lies free, another program may take.
    `ledger` is a file that says how many were added, so that those of a killed run are given back
    by the next.
    """

    def __init__(self, ledger):
        self._ledger = pathlib.Path(ledger)
        try:
            self._added = int(self._ledger.read_text())
        except (OSError, ValueError):
            self._added = 0
        self.give_back()

    def add(self, mebibytes):
        """Sees to it that so many MiB are free."""
        wanted = (mebibytes + 1) // 2
        missing = wanted - self._read("free_hugepages")
        if missing <= 0:
            return
        before = self._read("nr_hugepages")
        self._ledger.write_text(str(self._added + missing))
        (HUGEPAGES / "nr_hugepages").write_text(str(before + missing))
        self._added += self._read("nr_hugepages") - before
        free = self._read("free_hugepages")
        if free < wanted:
            raise Trouble(f"{wanted * 2} MiB of hugepages are needed, {free * 2} could be had")

    def give_back(self):
        left = max(0, self._read("nr_hugepages") - self._added)
        (HUGEPAGES / "nr_hugepages").write_text(str(left))
        self._added = 0
        self._ledger.write_text("0")

    @staticmethod
    def _read(name):
        return int((HUGEPAGES / name).read_text())


def tsc_hz():
    """Cycles per second of the time stamp counter: BogoMIPS is twice that on x86."""
    bogomips = re.search(r"bogomips\s*:\s*([\d.]+)", pathlib.Path("/proc/cpuinfo").read_text())
    return float(bogomips.group(1)) * 1e6 / 2


def load():
    return os.getloadavg()[0]


def describe():
    """What a result must say about where it comes from."""
    info = pathlib.Path("/proc/cpuinfo").read_text()

    def field(name):
        found = re.search(rf"^{name}\s*:\s*(.*)$", info, re.MULTILINE)
        return found.group(1) if found else "unknown"
    kernel = os.uname()
    return {
        "cpu": field("model name"),
        "cpu_family": field("cpu family"),
        "cpu_model": field("model"),
        "cpus": os.cpu_count(),
        "tsc_hz": round(tsc_hz()),
        "kernel": kernel.release,
        "load_before": load(),
    }
