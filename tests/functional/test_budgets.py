"""Budgets for frames that go to many: on by default, exact, per port."""

import pytest
from harness.frames import C1, IP, UDP, Ether
from harness.namespace import wait_until
from harness.worlds import weft_and_wire

FRAMES = {
    "broadcast": ("ff:ff:ff:ff:ff:ff", "10.1.0.255", "broadcast_budget"),
    "multicast": ("01:00:5e:01:01:01", "239.1.1.1", "multicast_budget"),
    "unknown_unicast": ("02:00:00:00:77:77", "10.1.0.77", "unknown_unicast_budget"),
}


def flood(world, kind, count):
    mac, address, _ = FRAMES[kind]
    frame = Ether(src=C1, dst=mac) / IP(src="10.1.0.1", dst=address) / UDP(dport=9)
    world.c1.send_frames("eth0", [bytes(frame)] * count)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_over_the_budget_are_dropped_and_counted(lab, kind):
    world = weft_and_wire(lab)
    world.weft("endpoint.detach", container="c1")
    budget = {"broadcast": 10, "multicast": 10, "unknown_unicast": 10}
    world.weft.attach(world.c1, ["10.1.0.1/24"], mac=C1, bum_budget=budget)
    before = world.weft.totals()["encapsulated"]
    # In portions: the queue of a container's interface holds about a hundred frames.
    for _ in range(10):
        flood(world, kind, 20)
    reason = FRAMES[kind][2]
    wait_until(
        lambda: world.weft.totals()["encapsulated"] - before + world.weft.drops().get(reason, 0) == 200,
        "every frame was either sent or dropped for its budget")
    sent = world.weft.totals()["encapsulated"] - before
    assert 10 <= sent <= 60, "a budget of 10 frames/s let too much or nothing pass"


def test_a_budget_is_there_by_default(lab):
    world = weft_and_wire(lab)
    wait_until(
        lambda: flood(world, "broadcast", 100) or world.weft.drops().get("broadcast_budget", 0) > 0,
        "the default budget of 1000 broadcast frames/s ends a flood", pause=0)


def test_zero_is_unlimited(lab):
    world = weft_and_wire(lab)
    world.weft("endpoint.detach", container="c1")
    world.weft.attach(world.c1, ["10.1.0.1/24"], mac=C1, bum_budget={"broadcast": 0})
    for _ in range(40):
        flood(world, "broadcast", 100)
    assert "broadcast_budget" not in world.weft.drops()


def test_unknown_unicast_can_be_switched_off(lab):
    world = weft_and_wire(lab, segment={"unknown_unicast": "drop"})
    with world.weft.expect_drops(unknown_unicast=7):
        flood(world, "unknown_unicast", 7)
