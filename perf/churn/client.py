"""A client of the control socket that costs little itself: lines are made before the clock runs.

Answers are only looked at for the word "error". What is left of the client is in every figure:
`perf/control` measures `version`, which changes nothing, the same way and prints it beside.
"""

import json
import socket
import time

from peer.machine import Trouble

_CHUNK = 1 << 18
# A load of 200,000 rules takes a while on the control thread.
_PATIENCE = 600


def line(method, **parameters):
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters},
        separators=(",", ":")).encode() + b"\n"


class Client:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._socket.settimeout(_PATIENCE)
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ask(self, request):
        """One request; (answer as an object, seconds)."""
        start = time.perf_counter()
        self._socket.sendall(request)
        answer = self._read_line()
        return json.loads(answer), time.perf_counter() - start

    def series(self, requests):
        """One by one; seconds of each. All must succeed."""
        taken = []
        for request in requests:
            start = time.perf_counter()
            self._socket.sendall(request)
            answer = self._read_line()
            taken.append(time.perf_counter() - start)
            _check(answer, request)
        return taken

    def pipelined(self, requests, window):
        """With so many on their way at a time; seconds of all together."""
        start = time.perf_counter()
        for at in range(0, len(requests), window):
            part = requests[at:at + window]
            self._socket.sendall(b"".join(part))
            for request in part:
                _check(self._read_line(), request)
        return time.perf_counter() - start

    def _read_line(self):
        while b"\n" not in self._rest:
            octets = self._socket.recv(_CHUNK)
            if not octets:
                raise Trouble("weftd closed the connection")
            self._rest += octets
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer


def _check(answer, request):
    if b'"error"' in answer:
        raise Trouble(f"{request[:200]!r} was answered with {answer[:400]!r}")


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
