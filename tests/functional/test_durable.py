"""weftd --state: what was acknowledged is there again, whatever ended the daemon."""

import json
import os
import pathlib
import random
import subprocess
import threading
import time

import pytest
from harness.namespace import run, wait_until
from harness.rpc import Rpc, RpcError
from harness.traffic import ping, warm

# Kills of the stream of changes; hundreds of them: WEFT_TEST_KILLS=300.
KILLS = int(os.environ.get("WEFT_TEST_KILLS", "8"))


def start(lab, host, folder):
    return lab.weftd(host, options=("--state", folder))


def kill(lab, daemon):
    """kill -9. The lab forgets the daemon: it has nothing to account for."""
    daemon.kill()
    lab.daemons.remove(daemon)


def refused_start(lab, host, folder):
    """What weftd says that does not start."""
    done = subprocess.run(
        host.inside(lab.weftd_binary, "--socket", lab.folder / "refused.sock", "--cores", "0",
                    "--state", folder),
        capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1, done
    return done.stdout + done.stderr


def two_containers(lab, folder):
    host, c1, c2 = lab.host("A"), lab.container("c1"), lab.container("c2")
    daemon = start(lab, host, folder)
    daemon.segment(encap="none")
    daemon.attach(c1, ["10.1.0.1/24"])
    daemon.attach(c2, ["10.1.0.2/24"])
    ping(c1, "10.1.0.2")
    return host, c1, c2, daemon


class Stream(threading.Thread):
    """Changes without end, each acknowledged before the next: tenants come, and c3 comes and goes."""

    def __init__(self, path, first):
        super().__init__()
        self._rpc = Rpc(path)
        self.number = first  # of the next tenant
        self.generation = self._rpc("version")["generation"]  # of the last acknowledged change
        self.is_c3_attached = None  # as acknowledged; None: the last change about it was not
        self.start()

    def run(self):
        try:
            while True:
                self._say("tenant.add", name=f"t{self.number}", request_id=f"t{self.number}")
                self.number += 1
                if self.number % 3 == 0:
                    attaches = self.number % 2 == 0
                    self.is_c3_attached = None
                    if attaches:
                        self._say("endpoint.attach", container="c3", netns="/run/netns/c3",
                                  segment="blue", addresses=["10.1.0.3/24"])
                    else:
                        self._say("endpoint.detach", container="c3")
                    self.is_c3_attached = attaches
        except (OSError, AssertionError, ValueError):
            self._rpc.close()

    def _say(self, method, **params):
        self.generation = self._rpc(method, **params)["generation"]


def test_kills_at_any_instant_lose_nothing_that_was_acknowledged(lab, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    host, c1, _, daemon = two_containers(lab, tmp_path)
    lab.container("c3")
    number = 0
    for _ in range(KILLS):
        stream = Stream(daemon.socket_path, number)
        time.sleep(dice.uniform(0.02, 0.5))
        kill(lab, daemon)
        stream.join()
        daemon = start(lab, host, tmp_path)
        found = {tenant["name"] for tenant in daemon("tenant.list")["tenants"]}
        wanted = {f"t{i}" for i in range(stream.number)} | {"acme"}
        assert wanted <= found <= wanted | {f"t{stream.number}"}
        endpoints = {row["container"]: row["state"] for row in daemon("endpoint.list")["endpoints"]}
        if stream.is_c3_attached is not None:
            assert ("c3" in endpoints) == stream.is_c3_attached
        assert set(endpoints.values()) == {"up"}, endpoints
        generation = daemon("version")["generation"]
        assert stream.generation <= generation <= stream.generation + 1
        # Asked again, a change that was not answered is answered now, whether it was made or not.
        again = daemon("tenant.add", name=f"t{stream.number}", request_id=f"t{stream.number}")
        assert again["generation"] >= generation
        number = stream.number + 1
        warm(c1, "10.1.0.2")
        ping(c1, "10.1.0.2")


def test_a_tunnel_carries_again_after_a_kill(lab, tmp_path):
    host, peer, c1, c2 = (lab.host(name) for name in ("A", "B", "c1", "c2"))
    lab.uplink_wire(host, peer)
    for key in ("all", "default"):
        peer.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
    daemon, other = start(lab, host, tmp_path), lab.weftd(peer, cores="1")
    for one, container, here, there in ((daemon, c1, 1, 2), (other, c2, 2, 1)):
        one.uplink(addresses=[f"192.0.2.{here}/24"])
        one.segment(vtep=f"192.0.2.{here}")
        one.attach(container, [f"10.1.0.{here}/24"])
        one("remote.add", segment="blue", vtep=f"192.0.2.{there}")
    warm(c1, "10.1.0.2", seconds=10)
    before = daemon("get")
    kill(lab, daemon)
    daemon = start(lab, host, tmp_path)
    assert daemon("get")["document"] == before["document"]
    warm(c1, "10.1.0.2", seconds=10)
    ping(c1, "10.1.0.2")


def test_a_container_that_was_replaced_meanwhile_is_detached(lab, tmp_path):
    host, c1, c2, daemon = two_containers(lab, tmp_path)
    generation = daemon("version")["generation"]
    kill(lab, daemon)
    run("ip", "netns", "delete", c2.name)
    run("ip", "netns", "add", c2.name)
    daemon = start(lab, host, tmp_path)
    assert [row["container"] for row in daemon("endpoint.list")["endpoints"]] == ["c1"]
    assert daemon("version")["generation"] == generation + 1
    daemon.attach(c2, ["10.1.0.2/24"])
    warm(c1, "10.1.0.2")


def test_a_clean_end_is_restored_too(lab, tmp_path):
    host, c1, _, daemon = two_containers(lab, tmp_path)
    before = daemon("get")
    daemon.stop()
    lab.daemons.remove(daemon)
    daemon = start(lab, host, tmp_path)
    assert daemon("get") == before
    warm(c1, "10.1.0.2")


def test_a_full_disk_refuses_changes_and_nothing_else(lab, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=384k", "none", folder)
    host, c1, _, daemon = two_containers(lab, folder)

    def policy(number):
        rules = [{"name": f"r{i}", "action": "allow", "priority": number} for i in range(200)]
        return daemon("policy.apply", tenant="acme", rules=rules)["generation"]
    acknowledged = 0
    with pytest.raises(RpcError) as refusal:
        for number in range(1, 1000):
            acknowledged = policy(number)
    assert refusal.value.code == -32005
    assert f"state {folder}/weft.db: " in refusal.value.message
    assert refusal.value.message.endswith("nothing was changed")
    assert daemon("version")["generation"] == acknowledged
    assert daemon("policy.list")["rules"][0]["priority"] == number - 1
    ping(c1, "10.1.0.2")
    run("mount", "-o", "remount,size=4m", folder)
    wanted = policy(5000)
    kill(lab, daemon)
    daemon = start(lab, host, folder)
    assert daemon("version")["generation"] == wanted
    assert daemon("policy.list")["rules"][0]["priority"] == 5000
    warm(c1, "10.1.0.2")


def test_a_folder_that_can_not_be_written_is_named(lab, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "none", folder)
    host, _, _, daemon = two_containers(lab, folder)
    kill(lab, daemon)
    run("mount", "-o", "remount,ro", folder)
    assert f"state {folder}/weft.db: " in refused_start(lab, host, folder)
    run("mount", "-o", "remount,rw", folder)
    daemon = start(lab, host, folder)
    assert len(daemon("endpoint.list")["endpoints"]) == 2


def test_a_file_that_is_no_database_is_named_and_left_alone(lab, tmp_path):
    host = lab.host("A")
    (tmp_path / "weft.db").write_bytes(b"x" * 5000)
    assert f"state {tmp_path}/weft.db: file is not a database" in refused_start(lab, host, tmp_path)
    assert (tmp_path / "weft.db").read_bytes() == b"x" * 5000


def test_a_second_daemon_can_not_have_the_same_state(lab, tmp_path):
    host, _, _, _ = two_containers(lab, tmp_path)
    assert "another process has it open" in refused_start(lab, host, tmp_path)


def test_history_and_rollback(lab, tmp_path):
    _, c1, _, daemon = two_containers(lab, tmp_path)
    generation = daemon("version")["generation"]
    daemon("endpoint.detach", container="c2")
    listed = lab.weft(daemon, "history").stdout
    assert "endpoint.detach" in listed and f"uid 0 pid {os.getpid()}" in listed
    said = lab.weft(daemon, "rollback", generation).stdout
    assert said.splitlines()[0] == "+   endpoints c2/eth0"
    warm(c1, "10.1.0.2")
    assert daemon("history", limit=1)["generations"][0]["what"] == "rollback"


def test_state_check_export_and_import(lab, tmp_path):
    host, c1, _, daemon = two_containers(lab, tmp_path)
    before = daemon("get")["document"]
    weft = lab.weft_binary
    assert "another process has it open" in run(weft, "state", "check", tmp_path, check=False).stderr
    kill(lab, daemon)
    assert "generation" in run(weft, "state", "check", tmp_path).stdout
    document = json.loads(run(weft, "state", "export", tmp_path).stdout)
    assert document == before
    other = tmp_path / "other"
    document["tenants"].append({"name": "imported"})
    file = pathlib.Path(tmp_path / "state.json")
    file.write_text(json.dumps(document))
    run(weft, "state", "import", other, file)
    daemon = start(lab, host, other)
    assert daemon("get")["document"] == document
    wait_until(lambda: len(daemon("endpoint.list")["endpoints"]) == 2, "both are back")
    warm(c1, "10.1.0.2")
