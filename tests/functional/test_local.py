"""Containers on one host: their traffic never leaves it, and large segments stay large."""

import threading

import pytest
from harness.traffic import largest_frame_during, ping, tcp_gbps, warm
from harness.worlds import inner


def two_containers(lab, cores="0", kind="tap"):
    host, c1, c3 = lab.host("A"), lab.container("c1"), lab.container("c3")
    weft = lab.weftd(host, cores=cores)
    weft.segment(encap="none")
    weft.attach(c1, inner(1), kind=kind)
    weft.attach(c3, inner(3), kind=kind)
    warm(c1, "10.1.0.3")
    return weft, c1, c3


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_ping_and_tcp_pass(lab, kind, cores):
    weft, c1, c3 = two_containers(lab, cores, kind)
    for address in ("10.1.0.3", "fd00::3"):
        ping(c1, address)
        tcp_gbps(c1, c3, address, seconds=1)
    assert weft.totals()["encapsulated"] == 0
    if cores == "0,1":
        assert weft.totals()["handed_over"] > 0


@pytest.mark.parametrize("address", ["10.1.0.3", "fd00::3"])
@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_tcp_moves_segments_far_larger_than_the_mtu(lab, kind, address):
    weft, c1, c3 = two_containers(lab, kind=kind)
    with c3.capture("eth0") as received:
        stream = threading.Thread(target=tcp_gbps, args=(c1, c3, address, 2))
        stream.start()
        largest = largest_frame_during(received, 1.5)
        stream.join()
    assert largest > 10000, "segments were cut on the way between two local containers"
    totals = weft.totals()
    assert totals["segmented"] == 0


def test_a_container_reaches_itself_and_others_but_not_a_stranger(lab):
    _, c1, _ = two_containers(lab)
    ping(c1, "10.1.0.1")
    received, _ = ping(c1, "10.1.0.77", count=1, check=False)
    assert received == 0
