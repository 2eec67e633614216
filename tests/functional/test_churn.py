"""A hundred containers come and go and leave nothing behind."""

import os

import pytest
from harness.namespace import SLOWNESS, wait_until
from harness.traffic import ping, warm
from harness.worlds import inner, weft_and_kernel


def descriptors(weft):
    return len(os.listdir(f"/proc/{weft.pid()}/fd"))


def resident_kib(weft):
    with open(f"/proc/{weft.pid()}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def cycle(weft, container, kind):
    weft.attach(container, inner(3), kind=kind)
    weft("endpoint.detach", container=container.name)


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_a_hundred_cycles_leave_no_descriptor_device_mbuf_or_memory(lab, kind, cores):
    world = weft_and_kernel(lab, cores=cores)
    weft, c3 = world.weft, lab.container("c3")
    for _ in range(20):  # every cache has its size after that
        cycle(weft, c3, kind)
    wait_until(lambda: c3.links() == [], "the device is gone")
    before = descriptors(weft), resident_kib(weft)
    mbufs = weft.mbufs_in_use()
    for number in range(100):
        cycle(weft, c3, kind)
        if number % 25 == 0:
            ping(world.c1, "10.1.0.2", count=1)
    wait_until(lambda: descriptors(weft) <= before[0], "every descriptor is closed")
    wait_until(lambda: c3.links() == [], "every device is gone")
    wait_until(
        lambda: all(n <= mbufs[pool] for pool, n in weft.mbufs_in_use().items()), "every buffer is back")
    if SLOWNESS == 1:  # sanitizers keep freed memory in quarantine
        grown = resident_kib(weft) - before[1]
        assert grown < 1024, f"{grown} KiB of memory more after 100 cycles"


def test_cycles_under_traffic_disturb_nobody(lab):
    world = weft_and_kernel(lab, cores="0,1")
    c3 = lab.container("c3")
    for _ in range(10):
        world.weft.attach(c3, inner(3))
        ping(world.c1, "10.1.0.3", count=2, interval=0.01)
        ping(world.c1, "10.1.0.2", count=2, interval=0.01)
        world.weft("endpoint.detach", container="c3")
    warm(world.c1, "10.1.0.2")


def test_uplinks_and_segments_come_and_go(lab):
    world = weft_and_kernel(lab)
    weft = world.weft
    before = descriptors(weft)
    for _ in range(20):
        weft("endpoint.detach", container="c1")
        weft("remote.remove", segment="blue", vtep="192.0.2.2")
        weft("segment.remove", name="blue")
        weft("port.remove", name="up0")
        weft.uplink()
        weft.segment()
        weft.attach(world.c1, inner(1))
        weft.remote()
        warm(world.c1, "10.1.0.2")
    wait_until(lambda: descriptors(weft) <= before, "every descriptor is closed")
