"""What attach makes inside the container's namespace, and what it refuses."""

import json
import os
import subprocess

import pytest
from harness.namespace import wait_until
from harness.rpc import RpcError
from harness.traffic import ping, warm
from harness.worlds import inner


@pytest.fixture
def weft(lab):
    weft = lab.weftd(lab.host("A"))
    weft.segment(encap="none")
    return weft


@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_the_interface_is_as_asked_and_forwards_when_attach_answers(lab, weft, kind):
    c1, c3 = lab.container("c1"), lab.container("c3")
    weft.attach(c3, inner(3), kind=kind)
    answer = weft.attach(
        c1, inner(1), kind=kind, ifname="data7", mac="02:aa:bb:cc:dd:01", mtu=1400,
        routes=[{"to": "0.0.0.0/0", "via": "10.1.0.3"}, {"to": "fd01::/64", "via": "fd00::3"}])
    # At once: no waiting here.
    ping(c1, "10.1.0.3", count=1)
    assert (answer["endpoint"], answer["mac"], answer["mtu"]) == ("c1/data7", "02:aa:bb:cc:dd:01", 1400)
    link = c1.link("data7")
    assert (link["address"], link["mtu"]) == ("02:aa:bb:cc:dd:01", 1400)
    assert {"10.1.0.1", "fd00::1"} <= {row["local"] for row in link["addr_info"]}
    assert "default via 10.1.0.3 dev data7" in c1.ip("route")
    assert "fd01::/64 via fd00::3" in c1.ip("-6 route")


def test_a_container_may_have_several_interfaces(lab, weft):
    weft.segment(name="red", tenant="acme", encap="none")
    c1, c3 = lab.container("c1"), lab.container("c3")
    weft.attach(c1, ["10.1.0.1/24"])
    weft.attach(c1, ["10.2.0.1/24"], segment="red", ifname="eth1")
    weft.attach(c3, ["10.2.0.3/24"], segment="red")
    warm(c1, "10.2.0.3")
    assert sorted(c1.links()) == ["eth0", "eth1"]
    assert weft("endpoint.detach", container="c1", ifname="eth1")["detached"] == 1
    assert weft("endpoint.detach", container="c1")["detached"] == 1


def test_detach_removes_the_interface_and_is_idempotent(lab, weft):
    c1 = lab.container("c1")
    weft.attach(c1, inner(1))
    assert weft("endpoint.detach", container="c1")["detached"] == 1
    assert weft("endpoint.detach", container="c1")["detached"] == 0
    assert c1.links() == []


def test_attach_by_process_id(lab, weft):
    c3 = lab.container("c3")
    weft.attach(c3, inner(3))
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as process:
        try:
            own = os.readlink("/proc/self/ns/net")
            wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own, "unshare is done")
            weft("endpoint.attach", container="p", pid=process.pid, segment="blue", addresses=inner(1))
            enter = ["nsenter", f"--net=/proc/{process.pid}/ns/net"]
            subprocess.run([*enter, "ping", "-c", "1", "-W", "2", "10.1.0.3"], check=True,
                           stdout=subprocess.DEVNULL)
            links = json.loads(subprocess.run(
                [*enter, "ip", "-j", "link"], check=True, capture_output=True).stdout)
            assert "eth0" in {link["ifname"] for link in links}
        finally:
            process.kill()


REFUSED = {
    "unknown segment": ({"segment": "green"}, -32001, "segment"),
    "no namespace there": ({"netns": "/run/netns/none"}, -32005, None),
    "not a namespace": ({"netns": "/etc/passwd"}, -32005, None),
    "an address that is none": ({"addresses": ["10.1.0.300/24"]}, -32602, "addresses[0]"),
    "a prefix that is too long": ({"addresses": ["10.1.0.1/33"]}, -32602, "addresses[0]"),
    "group MAC": ({"mac": "01:00:00:00:00:01"}, -32602, "mac"),
    "interface name too long": ({"ifname": "a" * 16}, -32602, "ifname"),
    "interface name with a slash": ({"ifname": "a/b"}, -32602, "ifname"),
    "unknown parameter": ({"colour": "red"}, -32602, "colour"),
    "MTU too small": ({"mtu": 10}, -32602, "mtu"),
    "no such kind": ({"kind": "bridge"}, -32602, "kind"),
    "a number for a name": ({"container": 5}, -32602, "container"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_attach_names_its_field_and_changes_nothing(lab, weft, case):
    change, code, field = REFUSED[case]
    c1 = lab.container("c1")
    good = {
        "container": "c1", "netns": c1.path, "segment": "blue", "addresses": ["10.1.0.1/24"]}
    before = weft("config.get")
    with pytest.raises(RpcError) as refused:
        weft("endpoint.attach", **(good | change))
    assert refused.value.code == code, refused.value
    if field:
        assert refused.value.field == field
    assert weft("config.get") == before
    assert c1.links() == []
    weft("endpoint.attach", **good)


def test_an_interface_name_that_is_taken_is_refused(lab, weft):
    c1 = lab.container("c1")
    c1.ip("link add eth0 type veth peer name other")
    with pytest.raises(RpcError) as refused:
        weft.attach(c1, inner(1))
    assert "eth0" in refused.value.message
    assert sorted(c1.links()) == ["eth0", "other"]


def test_the_same_address_twice_in_a_segment_is_refused_naming_the_holder(lab, weft):
    c1, c3 = lab.container("c1"), lab.container("c3")
    weft.attach(c1, ["10.1.0.1/24"])
    with pytest.raises(RpcError) as refused:
        weft.attach(c3, ["10.1.0.1/24"])
    assert "10.1.0.1" in refused.value.message and "c1" in refused.value.message
    assert c3.links() == []
