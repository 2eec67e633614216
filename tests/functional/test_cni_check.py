"""CHECK, STATUS and GC of weft-cni."""

import json

import pytest
from harness.cni import CniError, Libcni, call
from harness.cni_world import config, endpoints, leased, leases, one, weft  # noqa: F401


BROKEN = {
    "an address": lambda weft, c1: c1.ip("addr del 10.1.0.10/24 dev eth0"),
    "a route": lambda weft, c1: c1.ip("route del default"),
    "the link": lambda weft, c1: c1.ip("link set eth0 down"),
    "the MAC": lambda weft, c1: c1.ip("link set eth0 address 02:00:00:00:00:99"),
    "the interface": lambda weft, c1: c1.ip("link set eth0 name eth9"),
    "the endpoint": lambda weft, c1: weft("endpoint.detach", container="c1"),
    "the shaper": lambda weft, c1: weft("endpoint.set", container="c1", qos={"rate": 0}),
    "a group": lambda weft, c1: weft("endpoint.set", container="c1", groups=[]),
    "a label": lambda weft, c1: weft("endpoint.set", container="c1", labels={}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_check_fails_when_something_is_gone(lab, weft, config, leases, what):
    c1 = lab.container("c1")
    runtime = Libcni(config | {
        "ipam": leases, "gateway": "10.1.0.254", "groups": ["web"], "labels": {"app": "shop"}})
    limits = {"bandwidth": {"egressRate": 8_000_000, "egressBurst": 800_000}}
    runtime.add(c1, capabilities=limits)
    runtime.check(c1, capabilities=limits)
    BROKEN[what](weft, c1)
    with pytest.raises(CniError) as broken:
        runtime.check(c1, capabilities=limits)
    assert broken.value.code == 104
    assert "c1/eth0" in broken.value.message


def test_check_fails_without_the_lease_and_without_the_daemon(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases, "cniVersion": "1.1.0"})
    runtime.add(c1)
    runtime.check(c1)
    lease = tmp_path / "leases" / "shop" / "10.1.0.10"
    kept = lease.read_bytes()
    lease.unlink()
    with pytest.raises(CniError) as broken:
        runtime.check(c1)
    assert "host-local" in broken.value.message
    lease.write_bytes(kept)
    runtime.check(c1)
    hidden = weft.socket_path.with_suffix(".hidden")
    weft.socket_path.rename(hidden)
    with pytest.raises(CniError) as broken:
        runtime.check(c1)
    assert broken.value.code == 11
    hidden.rename(weft.socket_path)


def test_status_is_50_when_an_add_could_not_be_served(weft, config):
    runtime = Libcni(config | {"cniVersion": "1.1.0"})
    runtime.status()
    with pytest.raises(CniError) as refused:
        Libcni(runtime.config | {"segment": "green"}).status()
    assert (refused.value.code, "green" in refused.value.message) == (50, True)
    weft.stop()
    with pytest.raises(CniError) as refused:
        runtime.status()
    assert refused.value.code == 50


def test_gc_takes_exactly_what_is_not_listed(lab, weft, config, leases, tmp_path):
    containers = [lab.container(name) for name in ("c1", "c2", "c3", "c4")]
    c1, c2, c3, c4 = containers
    runtime = Libcni(config | {"ipam": leases, "cniVersion": "1.1.0"})
    for container in (c1, c2):
        runtime.add(container)
    runtime.add(c1, "eth1")
    weft.segment(name="red", encap="none")
    other = Libcni(runtime.config | {"name": "other", "segment": "red"})
    other.add(c3)
    scoped = Libcni(runtime.config | {"gcScope": "second-runtime", "ipam": None})
    scoped.add(c4, capabilities=one())
    weft.attach(lab.container("c5"), ["10.1.0.250/24"])  # nobody's but the operator's
    runtime.collect()
    assert len(endpoints(weft)) == 6
    runtime.collect([("c1", "eth0"), ("nobody", "eth0")])
    assert sorted(endpoints(weft)) == ["c1/eth0", "c3/eth0", "c4/eth0", "c5/eth0"]
    assert (len(leased(tmp_path)), c2.links(), c1.links()) == (1, [], ["eth0"])
    runtime.collect([])
    assert sorted(endpoints(weft)) == ["c3/eth0", "c4/eth0", "c5/eth0"]
    assert leased(tmp_path, "other") == ["10.1.0.10"]


@pytest.mark.parametrize("wrong", ["all", [{"containerID": "c1"}], [{"ifname": "eth0"}], ["c1"]])
def test_gc_takes_nothing_when_its_list_is_not_one(lab, weft, config, wrong):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"cniVersion": "1.1.0"})
    runtime.add(c1, capabilities=one())
    request = json.dumps(runtime.config | {"cni.dev/valid-attachments": wrong})
    with pytest.raises(CniError) as refused:
        call(runtime.environment("GC"), request).result()
    assert refused.value.code == 7
    assert list(endpoints(weft)) == ["c1/eth0"]
