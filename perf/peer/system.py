"""System: a switch under measurement. One process polls the data core, and stands still between."""

import os
import pathlib
import signal

from . import machine
from .gate import Gate


class System:
    """Started once per case; then frozen, and thawed for each of its turns.

    A subclass says how it is installed, started and configured. `modes` are ways of running it
    that are measured one by one without a restart.
    """
    name = ""
    modes = ("",)
    is_ceiling = False  # it only receives and sends

    def __init__(self, case, setup, folder):
        self.case = case
        self.setup = setup
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.gate_path = self.folder / "gate"
        self.gate = Gate(self.gate_path)
        self.processes = []

    # -- for subclasses -----------------------------------------------------------------------------

    @classmethod
    def absent(cls, setup):
        """Why it can not be measured here, or None."""
        raise NotImplementedError

    @classmethod
    def version(cls, setup):
        raise NotImplementedError

    def can(self, case):
        """Why it has no such job, or None."""
        return None

    def start(self):
        """Starts and configures it; the gate is shut."""
        raise NotImplementedError

    def set_mode(self, mode):
        pass

    def losses(self):
        """Its own word on what it lost so far, by reason."""
        return {}

    @classmethod
    def hugepages_mib(cls, case):
        """What it needs for packet buffers and itself."""
        raise NotImplementedError

    # -- for the harness ------------------------------------------------------------------------------

    def device(self, index):
        return self.case.device(index, self.folder.parent, self.gate_path)

    def spawn(self, command, **options):
        process = machine.start(command, self.folder / "log", **options)
        self.processes.append(process)
        return process

    def log(self):
        with open(self.folder / "log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def assert_alive(self):
        for process in self.processes:
            if process.poll() is not None:
                raise machine.Trouble(
                    f"{self.name} ended with {process.returncode}:\n{self.log()[-3000:]}")

    def wait_until_polling(self):
        """The gate is shut: whoever polls the device answers a request to check its frames."""
        def polls():
            self.assert_alive()
            return self.gate.check(self.case.job.source, seconds=0.2)
        machine.wait_until(polls, f"{self.name} polls its device", seconds=60)

    def data_thread(self):
        """The thread that polls."""
        tasks = [
            task for process in self.processes for pid in descendants(process.pid)
            for task in machine.threads_on(pid, self.setup.core)]
        if not tasks:
            raise machine.Trouble(f"{self.name} has no thread on core {self.setup.core}")
        return max(tasks, key=machine.cpu_nanoseconds)

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def stop(self):
        """Ends it, however it is."""
        self.gate.shut()
        self.thaw()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(timeout=5)
            except Exception:  # pylint: disable=broad-except
                self._signal(signal.SIGKILL)
                process.wait()

    def _signal(self, number):
        for process in self.processes:
            if process.poll() is None:
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    pass


def descendants(pid):
    """A process and those that it started."""
    yield pid
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from descendants(int(child))
