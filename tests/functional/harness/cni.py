"""Runtimes that call weft-cni: one as libcni does it, one as the Mesos agent does it.

Nothing of ours is in here: environment, stdin and what is done with the answer are those of the CNI
specification 1.1.0, of libcni (capabilities, cache of results) and of Mesos' `network/cni` isolator.
"""

import copy
import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import threading

from .namespace import SLOWNESS

IPAM_FOLDER = "/usr/lib/cni"  # Debian's containernetworking-plugins
PROGRAM = pathlib.Path(os.environ["WEFT_BUILD"]) / "control" / "connector" / "weft-cni"


class CniError(Exception):
    """A non-zero exit with the error object of the specification."""

    def __init__(self, error, stderr):
        super().__init__(f"{error} {stderr}")
        self.code = error["code"]
        self.message = error["msg"]
        self.version = error["cniVersion"]


@dataclasses.dataclass
class Done:
    status: int
    stdout: str
    stderr: str

    def result(self):
        """The object on stdout, which is all there is on stdout; None when there is nothing."""
        if self.status != 0:
            raise CniError(json.loads(self.stdout), self.stderr)
        return json.loads(self.stdout) if self.stdout else None


def start(environment, stdin):
    """Starts weft-cni in this process' namespace, with no other environment than the given one."""
    process = subprocess.Popen(
        [PROGRAM], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    process.stdin.write(stdin)
    process.stdin.close()
    process.stdin = None
    return process


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout * SLOWNESS)
    return Done(process.returncode, out, err)


def call(environment, stdin, timeout=60):
    return finish(start(environment, stdin), timeout)


class Libcni:
    """One network configuration list with one plugin, as libcni runs it.

    All of our own environment is passed on, and every CNI_ variable is set, if to nothing. Results are
    kept, and handed back as prevResult from 0.4.0 on. Of the capabilities that a runtime has for a
    container those reach the plugin that the configuration declares.
    """

    def __init__(self, config, path=IPAM_FOLDER):
        self.config = config
        self.path = path
        self.cache = {}

    def environment(self, command, container="", netns="", ifname="", args=""):
        return os.environ | {
            "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns,
            "CNI_IFNAME": ifname, "CNI_ARGS": args, "CNI_PATH": self.path}

    def has_previous(self):
        return self.config.get("cniVersion", "0.1.0") >= "0.4.0"

    def request(self, capabilities=None, previous=None, args=None):
        request = copy.deepcopy(self.config)
        declared = request.get("capabilities", {})
        runtime = {key: value for key, value in (capabilities or {}).items() if declared.get(key)}
        if runtime:
            request["runtimeConfig"] = runtime
        if previous is not None:
            request["prevResult"] = previous
        if args:
            request["args"] = args
        return json.dumps(request)

    def start_add(self, container, ifname="eth0", capabilities=None, cni_args="", args=None,
                  previous=None, environment=None):
        variables = self.environment("ADD", container.name, container.path, ifname, cni_args)
        stdin = self.request(capabilities, previous, args)
        return start(variables | (environment or {}), stdin)

    def add(self, container, ifname="eth0", **more):
        result = finish(self.start_add(container, ifname, **more)).result()
        self.cache[container.name, ifname] = result
        return result

    def check(self, container, ifname="eth0", capabilities=None, args=None):
        stdin = self.request(capabilities, self.cache[container.name, ifname], args)
        variables = self.environment("CHECK", container.name, container.path, ifname)
        assert call(variables, stdin).result() is None

    def delete(self, container, ifname="eth0", netns=None, keep_previous=True, cni_args=""):
        """`netns`: another path than the container's, or "" for none."""
        previous = self.cache.get((container.name, ifname)) if keep_previous else None
        stdin = self.request(None, previous if self.has_previous() else None)
        path = container.path if netns is None else netns
        done = call(self.environment("DEL", container.name, path, ifname, cni_args), stdin)
        assert done.result() is None
        self.cache.pop((container.name, ifname), None)
        return done

    def status(self):
        assert call(self.environment("STATUS"), json.dumps(self.config)).result() is None

    def collect(self, valid=None):
        """GC. `valid`: [(container, ifname), ...]; None: without the key, as `cnitool gc` sends it."""
        request = dict(self.config)
        if valid is not None:
            listed = [{"containerID": name, "ifname": ifname} for name, ifname in valid]
            request |= {"cni.dev/valid-attachments": listed, "cni.dev/attachments": listed}
        assert call(self.environment("GC"), json.dumps(request)).result() is None

    def versions(self):
        """The probe, with libcni's dummies."""
        variables = self.environment("VERSION", "", "dummy", "dummy")
        return call(variables, json.dumps({"cniVersion": "1.1.0"})).result()


class MesosAgent:
    """`network/cni`: six variables and no other, the configuration checkpointed at ADD and used at DEL,
    all networks of a container at once, and a result that is read as version 0.1.0 has it."""

    def __init__(self, networks, folder):
        self.networks = {network["name"]: network for network in networks}
        self.folder = folder

    def environment(self, command, container, netns, ifname):
        variables = {
            "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_PATH": IPAM_FOLDER,
            "CNI_IFNAME": ifname, "PATH": os.environ["PATH"]}
        return variables | ({"CNI_NETNS": netns} if netns else {})

    def checkpoint(self, container_id, name):
        return self.folder / f"{container_id}.{name}.conf"

    def launch(self, container_id, netns, infos):
        """ADDs the networks of `infos` (NetworkInfo messages) at once; what the agent makes of each."""
        processes = []
        for number, info in enumerate(infos):
            config = copy.deepcopy(self.networks[info["name"]])
            args = config.setdefault("args", {})
            assert "org.apache.mesos" not in args
            args["org.apache.mesos"] = {"network_info": info}
            path = self.checkpoint(container_id, info["name"])
            path.write_text(json.dumps(config))
            variables = self.environment("ADD", container_id, netns, f"eth{number}")
            processes.append(self._start(variables, path))
        return [self.understand(finish(process)) for process in processes]

    def destroy(self, container_id, infos, netns=None):
        """DELs them at once, as checkpointed; without CNI_NETNS when the namespace is gone."""
        processes = []
        for number, info in enumerate(infos):
            variables = self.environment("DEL", container_id, netns, f"eth{number}")
            processes.append(self._start(variables, self.checkpoint(container_id, info["name"])))
        for process in processes:
            done = finish(process)
            assert done.status == 0, "the container is stuck in DESTROYING"
            assert done.stdout == ""

    @staticmethod
    def _start(variables, path):
        with open(path, encoding="utf-8") as stdin:  # a regular file
            return subprocess.Popen(
                [PROGRAM], env=variables, stdin=stdin, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def understand(done):
        """{"ip4": "10.1.0.5", "ip6": ..., "dns": ...}, as the agent's parser would have it."""
        result = done.result()
        seen = {}
        for family in ("ip4", "ip6"):
            if result.get(family) is not None:
                assert isinstance(result[family], dict)
                address = result[family]["ip"]
                # The quirk: IPv6 keeps its length.
                seen[family] = address.split("/")[0] if family == "ip4" else address
                assert all("dst" in route for route in result[family].get("routes", []))
        return seen | ({"dns": result["dns"]} if "dns" in result else {})


class LossyProxy:
    """Between weft-cni and weftd: the first answer to `method` is lost, with the connection.
    `before`: called when the first request of that method is passed on."""

    def __init__(self, daemon, path, method, before=None):
        self.path = path
        self._before = before
        self.method = method
        self.lost = 0
        self.requests = []
        self._daemon = str(daemon)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                self._relay(client, lines)

    def _relay(self, client, lines):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
            daemon.connect(self._daemon)
            with daemon.makefile("rb") as answers:
                for line in lines:
                    self.requests.append(json.loads(line)["method"])
                    if self._before and self.requests.count(self.method) == 1:
                        self._before()
                        self._before = None
                    daemon.sendall(line)
                    answer = answers.readline()
                    if self.requests[-1] == self.method and not self.lost:
                        self.lost += 1
                        return
                    client.sendall(answer)
