"""A client of weftd's control socket: JSON-RPC 2.0, one object per line (control/README.md)."""

import json
import socket

from .namespace import SLOWNESS


class RpcError(Exception):
    """An answer with `error`."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.message = error["message"]
        self.field = (error.get("data") or {}).get("field")


class Rpc:
    """One connection. `rpc("endpoint.attach", container="c1", ...)` returns the result."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Blocking: with a full queue of connections a timed connect fails instead of waiting.
        self._socket.connect(str(path))
        self._socket.settimeout(20 * SLOWNESS)
        self._lines = self._socket.makefile("rb")
        self._last_id = 0

    def __call__(self, method, **parameters):
        self._last_id += 1
        self.send_line({
            "jsonrpc": "2.0", "id": self._last_id, "method": method, "params": parameters})
        answer = self.read_line()
        assert answer is not None, f"weftd closed the connection instead of answering {method}"
        assert answer["id"] == self._last_id, answer
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def send_line(self, line):
        octets = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
        self._socket.sendall(octets)

    def read_line(self):
        """The next answer, or None when the daemon closed the connection."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def close(self):
        self._lines.close()
        self._socket.close()
