"""Attaching containers: how long it takes, the kernel's share; and what an idle endpoint costs in memory.

Attaching one by one waits for the worker each time, and the containers that are there already make
traffic of their own (IPv6), so the last hundred of many take longer than the first.
"""

import os
import pathlib
import time


from . import memory
from .client import Client, line, quantile
from .scene import delete_namespaces, make_namespaces

TITLE = "attach and detach (TAP in a namespace of its own), memory"


def run(scene, options, tell):
    rows = [_daemon_row(scene)]
    tell(rows[-1])
    rows += _latency(scene, options.attaches, tell)
    rows.append(_footprint(scene, options.endpoints))
    tell(rows[-1])
    return rows


def _daemon_row(scene):
    return {
        "what": "the daemon, 2 endpoints", **_mib(memory.read(scene.pid)),
        "largest": [(round(size / 2**20, 1), name) for size, name in memory.largest(scene.pid)]}


def _names(what, count):
    return [f"{what}{number}" for number in range(count)]


def _attach(name, number):
    return line(
        "endpoint.attach", container=name, netns=f"/run/netns/{name}", segment="blue",
        addresses=[f"10.1.{1 + number // 250}.{1 + number % 250}/16"])


def _latency(scene, count, tell):
    names = _names("attached", count)
    make_namespaces(names)
    rows = []
    try:
        with Client(scene.socket) as client:
            for what, requests in (
                    ("attach", [_attach(name, number) for number, name in enumerate(names)]),
                    ("detach", [line("endpoint.detach", container=name) for name in names])):
                before = _control_times(scene)
                calls = client.series(requests)
                after = _control_times(scene)
                rows.append(_call_row(what, calls, before, after))
                tell(rows[-1])
    finally:
        delete_namespaces(names)
    return rows


def _control_times(scene):
    """The control thread's seconds: all of it exactly, system time by ticks; and those of all threads."""
    stat = (scene.control_task() / "stat").read_text().rsplit(")", 1)[1].split()
    user, system = (int(word) / os.sysconf("SC_CLK_TCK") for word in stat[11:13])
    ran = int((scene.control_task() / "schedstat").read_text().split()[0]) / 1e9
    return {"user": user, "system": system, "ran": ran, "wall": time.monotonic()}


def _call_row(what, calls, before, after):
    spent = {key: after[key] - before[key] for key in before}
    ticks = max(spent["user"] + spent["system"], 1e-9)
    count = len(calls)
    kernel = spent["ran"] * spent["system"] / ticks
    return {
        "what": f"{what} of {count}",
        "p50_ms": quantile(calls, 0.5) * 1e3, "p99_ms": quantile(calls, 0.99) * 1e3,
        "max_ms": max(calls) * 1e3, "mean_ms": sum(calls) / count * 1e3,
        "own_ms": (spent["ran"] - kernel) / count * 1e3, "kernel_ms": kernel / count * 1e3,
        "waiting_ms": (sum(calls) - spent["ran"]) / count * 1e3}


def _footprint(scene, count):
    """Resident memory of the daemon per endpoint, and the kernel's slab for it (namespace included)."""
    names = _names("idle", count)
    make_namespaces(names)
    try:
        with Client(scene.socket) as client:
            before, slab = memory.read(scene.pid), _slab()
            calls = client.series([_attach(name, number) for number, name in enumerate(names)])
            after, slab_after = memory.read(scene.pid), _slab()
            client.series([line("endpoint.detach", container=name) for name in names])
        left = memory.read(scene.pid)
    finally:
        delete_namespaces(names)
    return {
        "what": f"{count} idle endpoints", "seconds": sum(calls),
        "first_hundred_s": sum(calls[:100]), "last_hundred_s": sum(calls[-100:]),
        "octets_each": (after["without_pool"] - before["without_pool"]) / count,
        "octets_each_left": (left["without_pool"] - before["without_pool"]) / count,
        "pool_octets_each": (after["pool"] - before["pool"]) / count,
        "kernel_octets_each": (slab_after - slab) / count}


def _slab():
    for text in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if text.startswith("Slab:"):
            return int(text.split()[1]) * 1024
    return 0


def _mib(octets):
    return {f"{key}_mib": value / 2**20 for key, value in octets.items()}


HEADER = ""


def text(row):
    if "without_pool_mib" in row:
        named = ", ".join(f"{size} {pathlib.PurePath(name).name}" for size, name in row["largest"])
        return (
            f"{row['what']}: {row['without_pool_mib']:.1f} MiB resident without the packet pool "
            f"({row['private_mib']:.1f} private, {row['shared_mib']:.1f} shared libraries), pool "
            f"{row['pool_mib']:.1f}; largest: {named}")
    if "octets_each" in row:
        return (
            f"{row['what']}: {row['octets_each'] / 1024:.1f} KiB each "
            f"({row['octets_each_left'] / 1024:.1f} still held after detaching), packet pool "
            f"{row['pool_octets_each'] / 1024:.1f}, kernel slab {row['kernel_octets_each'] / 1024:.1f} "
            f"(TAP; the namespaces were there)\n  attached in {row['seconds']:.2f} s, the first hundred in "
            f"{row['first_hundred_s']:.2f} s, the last in {row['last_hundred_s']:.2f} s")
    return (
        f"{row['what']}: p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f}, max {row['max_ms']:.2f}, "
        f"mean {row['mean_ms']:.2f} = weftd {row['own_ms']:.2f} + kernel {row['kernel_ms']:.2f} + waiting "
        f"{row['waiting_ms']:.2f} (for the worker, for a CPU, for locks of the kernel)")


