"""Traffic between the containers of a world, and what the CPUs did meanwhile."""

import contextlib
import json
import pathlib
import subprocess
import time

from harness.namespace import wait_until
from peer.machine import Trouble

from . import cpu
from .worlds import ADDRESSES

PORT = 5201
PROBE_PORT = 5301
PROBE_SOURCE = pathlib.Path(__file__).parent / "udp_probe.cc"
# Connections need a moment to open their windows: left out of rates and CPU times.
WARM_UP = 1


def compile_probe(folder):
    """The UDP measurer; returns its path."""
    program = folder / "udp_probe"
    done = subprocess.run(
        ["g++", "-std=c++20", "-O2", "-o", str(program), str(PROBE_SOURCE)],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"{PROBE_SOURCE} does not compile:\n{done.stderr}")
    return program


class Measurer:
    """Runs one kind of traffic for a while: world, direction in, a sample out."""

    def __init__(self, cpus, seconds, size, congestion, probe):
        self._cpus = cpus
        self._congestion = congestion
        self._seconds = seconds
        self._size = size
        self._probe = probe

    def tcp(self, world, sender, family):
        end, usage = self._iperf(world, sender, family, WARM_UP, ["-O", WARM_UP, "-C", self._congestion])
        gbps = end["sum_received"]["bits_per_second"] / 1e9
        return {
            "gbps": gbps, "retransmits": end["sum_sent"].get("retransmits", 0),
            "cost": usage["cpu"]["ours"] / (gbps / 8), **usage}

    def udp(self, world, sender):
        """Small packets, as fast as one program sends them; what counts is what arrives."""
        sent, got, usage = self._probes(world, sender, "count", "flood", self._seconds)
        mpps = got["received"] / max(got["seconds"], self._seconds) / 1e6
        return {
            "mpps": mpps, "offered_mpps": sent["rate"] / 1e6, "cost": usage["cpu"]["ours"] / mpps,
            **usage}

    def udp_iperf(self, world, sender):
        """The same by iperf3, whose programs take more time for a packet than what is between them."""
        # No -O: iperf3 3.12 then counts what was lost in the omitted time as lost in the rest.
        end, usage = self._iperf(world, sender, 0, 0, ["-u", "-b", "0", "-l", self._size])
        total = end["sum"]
        mpps = (total["packets"] - total["lost_packets"]) / total["seconds"] / 1e6
        return {
            "mpps": mpps, "offered_mpps": total["packets"] / total["seconds"] / 1e6,
            "cost": usage["cpu"]["ours"] / mpps, **usage}

    def latency(self, world, sender, rate):
        """One way, program to program, at `rate` packets per second."""
        sent, got, usage = self._probes(world, sender, "receive", "send", round(rate), self._seconds)
        return {
            **{key: got[f"{key}_ns"] / 1e3 for key in ("min", "p50", "p99", "p999", "max")},
            "lost": 100 - got["received"] / sent["sent"] * 100, "rate": sent["rate"], "burst": sent["burst"],
            "cost": usage["cpu"]["ours"] / (sent["rate"] / 1e6), **usage}

    def _probes(self, world, sender, receive, send, *options):
        """(what the sender said, what the receiver said, CPU time)"""
        receiver = 3 - sender
        with _started(
                world.containers[receiver], self._probe, receive, PROBE_PORT, stdin=subprocess.PIPE) as sink:
            if sink.stdout.readline() != "listening\n":
                raise Trouble(f"udp_probe does not listen: {sink.stderr.read()}")
            source = subprocess.Popen(
                world.containers[sender].inside(
                    self._probe, send, ADDRESSES[receiver][0], PROBE_PORT, *options, self._size),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            usage = self._watch(world, source, sink, self._seconds, 0.2)
            sent = _answer(source, self._seconds * 2 + 10)
            time.sleep(0.1)  # what is still on its way
            got = _answer(sink, 10)  # closes its input, which ends it
        if got["received"] == 0:
            raise Trouble(f"{world.case} {world.system}: no packet of {sent['sent']} arrived")
        return sent, got, usage

    def _iperf(self, world, sender, family, warm_up, options):
        receiver = 3 - sender
        far = world.containers[receiver]
        with _started(far, "iperf3", "-s", "-1", "-p", PORT) as server:
            wait_until(lambda: f":{PORT} " in far.run("ss", "-Hltn").stdout, "iperf3 listens")
            client = subprocess.Popen(
                world.containers[sender].inside(
                    "iperf3", "-J", "-p", PORT, "-c", ADDRESSES[receiver][family], "-t",
                    self._seconds, *options),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            usage = self._watch(world, client, server, self._seconds + warm_up, warm_up + 0.2)
            report = _answer(client, self._seconds + 30)
        if "error" in report:
            raise Trouble(f"{world.case} {world.system}: iperf3: {report['error']}")
        return report["end"], usage

    def _watch(self, world, source, sink, seconds, skip):
        """CPU time from `skip` to shortly before the end, while both programs run."""
        groups = {"weftd": world.weftd_pids(), "sender": [source.pid], "receiver": [sink.pid]}
        time.sleep(skip)
        before = cpu.Snapshot(self._cpus, groups)
        time.sleep(seconds - skip - 0.3)
        return {"cpu": cpu.between(before, cpu.Snapshot(self._cpus, groups))}


@contextlib.contextmanager
def _started(namespace, *command, **options):
    process = subprocess.Popen(
        namespace.inside(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _answer(process, seconds):
    """What a program printed at its end, as JSON."""
    try:
        out, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise Trouble(f"`{' '.join(process.args)}` did not end within {seconds} s") from late
    try:
        return json.loads(out)
    except ValueError as wrong:
        raise Trouble(f"`{' '.join(process.args)}` said: {out[-2000:]}{error[-2000:]}") from wrong
