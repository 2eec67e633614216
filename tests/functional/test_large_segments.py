"""Large segments through a tunnel: cut at the last hop that needs it, put together on arrival."""

import threading

import pytest
from harness.traffic import largest_frame_during, tcp_gbps
from harness.worlds import weft_and_kernel


@pytest.mark.parametrize("number", ["10.1.0.{}", "fd00::{}"], ids=["ipv4", "ipv6"])
def test_container_sends_large_segments_and_the_wire_sees_none(lab, number):
    world = weft_and_kernel(lab)
    with world.c1.capture("eth0") as sent, world.peer.capture("net0") as wire:
        stream = threading.Thread(
            target=tcp_gbps, args=(world.c1, world.c2, number.format(2), 2))
        stream.start()
        largest_sent = largest_frame_during(sent, 1.5)
        largest_on_wire = max(map(len, wire.frames()))
        stream.join()
    assert largest_sent > 10000, "the container's stack was made to cut its segments"
    assert largest_on_wire <= 1514, "a frame larger than the underlay's MTU was sent"
    assert world.weft.totals()["segmented"] > 0


@pytest.mark.parametrize("number", ["10.1.0.{}", "fd00::{}"], ids=["ipv4", "ipv6"])
def test_wire_size_segments_are_coalesced_before_delivery(lab, number):
    world = weft_and_kernel(lab)
    with world.c1.capture("eth0") as received:
        stream = threading.Thread(
            target=tcp_gbps, args=(world.c2, world.c1, number.format(1), 2))
        stream.start()
        largest = largest_frame_during(received, 1.5)
        stream.join()
    assert largest > 3000
    assert world.weft.totals()["coalesced"] > 0
