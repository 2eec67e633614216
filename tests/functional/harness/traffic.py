"""Real programs that make traffic: ping and iperf3."""

import json
import re
import subprocess
import time

from .namespace import SLOWNESS, wait_until


def ping(source, address, count=3, size=56, interval=0.05, options=(), check=True):
    """Pings from a namespace and returns (received, average RTT in ms or None)."""
    # Who wants them all gives the first time to find its neighbour: ping ends when the last is back.
    patience = (5 if check else 1) * max(1, int(SLOWNESS))
    done = source.run(
        "ping", "-n", "-c", count, "-i", interval, "-s", size, "-W", patience, *options, address,
        check=False)
    received = re.search(r"(\d+) received", done.stdout)
    count_received = int(received.group(1)) if received else 0
    average = re.search(r"= [\d.]+/([\d.]+)/", done.stdout)
    if check:
        assert count_received == count, (
            f"{source.name}: {count_received} of {count} pings to {address} came back:\n"
            f"{done.stdout}{done.stderr}")
    return count_received, float(average.group(1)) if average else None


def warm(source, address, seconds=5.0):
    """Waits until one ping comes back: addresses resolved, ports up."""
    wait_until(
        lambda: ping(source, address, count=1, check=False)[0],
        f"{source.name} reaches {address}", seconds, pause=0.1)


class IperfServer:
    """`iperf3 -s` for one test at a time, in a namespace."""

    def __init__(self, namespace, port=5201):
        self._port = port
        self._process = subprocess.Popen(
            namespace.inside("iperf3", "-s", "-1", "-p", port),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(
            lambda: f":{port} " in namespace.run("ss", "-Hltn").stdout, "iperf3 listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


def iperf(client, server, address, seconds=2, options=()):
    """One TCP stream from `client` to `address` in `server`; returns iperf3's `end` object."""
    with IperfServer(server):
        done = client.run(
            "iperf3", "-J", "-c", address, "-t", seconds, *options, timeout=seconds + 30)
    report = json.loads(done.stdout)
    assert "error" not in report, report["error"]
    return report["end"]


def tcp_gbps(client, server, address, seconds=2, options=()):
    """Gbit/s that the receiver got."""
    end = iperf(client, server, address, seconds, options)
    rate = end["sum_received"]["bits_per_second"] / 1e9
    assert rate > 0.01 / SLOWNESS, f"TCP crawls: {rate:.4f} Gbit/s to {address}"
    return rate


def largest_frame_during(capture, seconds):
    """The largest frame that a capture sees within a time."""
    end = time.monotonic() + seconds
    largest = 0
    while time.monotonic() < end:
        largest = max([largest, *map(len, capture.frames(outgoing=True))])
        time.sleep(0.02)
    return largest
