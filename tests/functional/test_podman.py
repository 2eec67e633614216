"""Podman attaches its containers through weft-cni, from files that an operator drops."""

import pytest
from harness.namespace import wait_until
from harness.podman import Podman, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")


@pytest.fixture
def weft(lab, tmp_path):
    weft = lab.weftd(lab.host("A"), options=["--state", tmp_path / "daemon"])
    weft.segment(encap="none")
    weft.segment(name="red", encap="none", policy_default="groups")
    return weft


@pytest.fixture
def podman(lab, weft, tmp_path):
    podman = lab.peer(Podman(tmp_path))
    for name, segment, pool, groups in (
            ("shop", "blue", {"subnet": "10.1.0.0/24"}, []),
            ("store", "red", {"subnet": "10.2.0.0/24"}, ["store"]),
            ("guest", "red", {"subnet": "10.2.0.0/24", "rangeStart": "10.2.0.100"}, ["guest"])):
        podman.network(name, {
            "type": "weft-cni", "segment": segment, "groups": groups,
            "socket": str(weft.socket_path), "stateDir": str(tmp_path / "state"),
            "capabilities": {"aliases": True, "ips": True, "mac": True, "portMappings": True},
            "ipam": {"type": "host-local", "dataDir": str(tmp_path / "leases"),
                     "ranges": [[pool]], "routes": [{"dst": "0.0.0.0/0"}]}})
    return podman


def can_ping(podman, name, address):
    return podman.inside(name, "ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


def endpoints(weft):
    return weft("endpoint.list")["endpoints"]


def test_containers_on_a_network_talk_and_leave_nothing(weft, podman, tmp_path):
    podman.start("one", "shop")
    podman.start("two", "shop", "--ip", "10.1.0.77", "--mac-address", "02:aa:bb:cc:dd:01")
    wait_until(lambda: can_ping(podman, "one", "10.1.0.77"), "one reaches two")
    assert can_ping(podman, "two", "10.1.0.2")
    shown = podman.inside("two", "ip", "addr", "show", "eth0").stdout
    assert "10.1.0.77/24" in shown and "02:aa:bb:cc:dd:01" in shown
    podman.inside("one", "sh", "-c", "nc -l -p 9000 -e cat >/dev/null 2>&1 &")
    said = podman.inside("two", "sh", "-c", "echo hello | nc -w 2 10.1.0.2 9000").stdout
    assert said == "hello\n"
    podman("rm", "-f", "-t", "0", "one", "two")
    assert endpoints(weft) == []
    left = [file.name for file in (tmp_path / "leases" / "shop").iterdir()]
    assert not any(name.startswith("10.") for name in left)


def test_two_networks_in_one_container(weft, podman):
    podman.start("one", "shop")
    podman.start("both", "shop,store")
    podman.start("three", "store")
    assert len(endpoints(weft)) == 4
    wait_until(lambda: can_ping(podman, "both", "10.1.0.2"), "both reaches one")
    wait_until(lambda: can_ping(podman, "both", "10.2.0.3"), "both reaches three")
    routes = podman.inside("both", "ip", "route").stdout
    assert routes.count("default") == 1


def test_policy_between_groups(weft, podman):
    podman.start("one", "store")
    podman.start("two", "store")
    podman.start("guest", "guest")
    wait_until(lambda: can_ping(podman, "one", "10.2.0.3"), "one reaches two")
    with weft.expect_drops(policy_denied_sender=1):
        assert not can_ping(podman, "guest", "10.2.0.2")


def test_a_daemon_that_restarts_in_between(lab, weft, podman, tmp_path):
    podman.start("one", "shop")
    podman.start("two", "shop")
    wait_until(lambda: can_ping(podman, "one", "10.1.0.3"), "one reaches two")
    weft.process.kill()
    weft.process.wait()
    podman("rm", "-f", "-t", "0", "two")
    again = lab.weftd(weft.namespace, options=["--state", tmp_path / "daemon"])
    podman.start("three", "shop")
    wait_until(lambda: can_ping(podman, "one", "10.1.0.4"), "one reaches three")
    assert len(endpoints(again)) == 2
