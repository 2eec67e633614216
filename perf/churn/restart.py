"""Time from starting the process to READY=1 (sd_notify), and from SIGTERM to its end.

After SIGTERM the containers' interfaces are gone and are made again; after SIGKILL they are still there
and are taken over.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

from peer.machine import Trouble

from . import rules
from .client import quantile
from .scene import delete_namespaces, make_namespaces

TITLE = "restart"
ENDPOINTS = 100
RULES = 1_000
PATIENCE = 60


def run(lab, folder, options, tell):
    host = lab.host("restart-A")
    names = [f"restarted{number}" for number in range(ENDPOINTS)]
    make_namespaces(names)
    rows = []
    try:
        empty = _write(folder / "empty.json", {})
        full = _write(folder / "full.json", _document(names))
        for what, config, how in (
                ("empty configuration", empty, signal.SIGTERM),
                (f"{ENDPOINTS} endpoints, {RULES} rules, after SIGTERM", full, signal.SIGTERM),
                (f"{ENDPOINTS} endpoints, {RULES} rules, after SIGKILL", full, signal.SIGKILL)):
            with _Daemon(lab, host, folder, options) as daemon:
                daemon.start(config)
                ends = [daemon.end(how)]
                starts = []
                for _ in range(options.rounds):
                    starts.append(daemon.start(config))
                    ends.append(daemon.end(how))
                daemon.start(config)
                ends.append(daemon.end(signal.SIGTERM))
            rows.append({
                "what": what, "start_ms": [value * 1e3 for value in starts],
                "end_ms": [value * 1e3 for value in ends] if how == signal.SIGTERM else []})
            tell(rows[-1])
    finally:
        delete_namespaces(names)
    return rows


def _document(names):
    return {
        "tenants": [{"name": rules.TENANT}],
        "policies": [{"tenant": rules.TENANT, "rules": rules.policy_rules(RULES)}],
        "segments": [{"name": "blue", "tenant": rules.TENANT, "encap": "none"}],
        "endpoints": [
            {
                "container": name, "netns": f"/run/netns/{name}", "segment": "blue",
                "addresses": [f"10.1.0.{1 + number}/24"], "groups": [f"g{number % rules.GROUPS}"]}
            for number, name in enumerate(names)]}


def _write(path, document):
    path.write_text(json.dumps(document), encoding="ascii")
    return path


class _Daemon(contextlib.AbstractContextManager):
    """One weftd after the other on the same socket."""

    def __init__(self, lab, host, folder, options):
        self._lab, self._host, self._folder, self._options = lab, host, folder, options
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._address = str(folder / "notify")
        self._notify.bind(self._address)
        self._notify.settimeout(1)
        self._process = None

    def __exit__(self, *_):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._notify.close()
        os.unlink(self._address)

    def start(self, config):
        """Seconds until it is ready."""
        log = open(self._folder / "restart.log", "ab")
        begin = time.perf_counter()
        with log:
            self._process = subprocess.Popen(
                self._host.inside(
                    self._lab.weftd_binary, "--socket", self._folder / "restart.sock", "--cores",
                    self._options.worker_core, "--config", config),
                stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "NOTIFY_SOCKET": self._address})
        while True:
            with contextlib.suppress(TimeoutError):
                if self._notify.recv(4096).startswith(b"READY=1"):
                    return time.perf_counter() - begin
            if self._process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                said = (self._folder / "restart.log").read_text(errors="replace")[-2000:]
                raise Trouble(f"weftd did not become ready:\n{said}")

    def end(self, how):
        """Seconds until it is gone."""
        begin = time.perf_counter()
        self._process.send_signal(how)
        self._process.wait(PATIENCE)
        self._notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # STOPPING=1
            while self._notify.recv(4096):
                pass
        self._notify.settimeout(1)
        return time.perf_counter() - begin


HEADER = f"{'':<66} {'start to ready, ms':>26} {'end, ms':>20}"


def text(row):
    def spread(values):
        if not values:
            return "-"
        return f"{quantile(values, 0.5):.0f} [{min(values):.0f}-{max(values):.0f}]"
    return f"{row['what']:<66} {spread(row['start_ms']):>26} {spread(row['end_ms']):>20}"
