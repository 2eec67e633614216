"""Match-action rules in testpmd's words, at a container's port and at an uplink, under real traffic."""

import os
import pathlib
import subprocess

import pytest
from harness.rpc import RpcError
from harness.traffic import ping, warm
from harness.worlds import inner, weft_and_kernel

UDP_5000 = [{"item": "udp", "dst": 5000}]
COUNT_DROP = [{"action": "count"}, {"action": "drop"}]


def pair(lab):
    """Two containers in a segment without tunnels; the first one's port is 16."""
    weft = lab.weftd(lab.host("A"))
    weft.segment(encap="none")
    containers = [lab.container(name) for name in ("c1", "c2")]
    for number, container in enumerate(containers, 1):
        weft.attach(container, inner(number))
    warm(containers[0], "10.1.0.2")
    return weft, *containers


def send_udp(source, address, port, count=1):
    program = (
        "import socket,sys\n"
        f"s=socket.socket(socket.AF_INET6 if ':' in '{address}' else socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"for _ in range({count}): s.sendto(b'x'*100, ('{address}', {port}))\n")
    source.run("/usr/bin/python3", "-c", program)


def cli(weft, *words):
    binary = pathlib.Path(os.environ["WEFT_BUILD"]) / "control/cli/weft"
    done = subprocess.run(
        [binary, "--socket", weft.socket_path, *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_dropped_udp_port_through_the_command_line(lab):
    weft, c1, _ = pair(lab)
    line = "flow create 16 ingress pattern udp dst is 5000 / end actions count / drop / end"
    said = cli(weft, *line.split())
    assert said.startswith("Flow rule #0 created\nIt is in software: ")
    with weft.expect_drops(rule_drop=5):
        send_udp(c1, "10.1.0.2", 5000, count=3)
        send_udp(c1, "fd00::2", 5000, count=2)
        send_udp(c1, "10.1.0.2", 5001, count=4)
    assert weft("rule.query", port=16, rule=0)["hits"] == 5
    assert "hits: 5" in cli(weft, *"flow query 16 0 count".split())
    row = cli(weft, *"flow list c1/eth0".split()).splitlines()[-1]
    assert row.split() == ["0", "0", "0", "i--", "SW", "UDP", "=>", "COUNT", "DROP"]
    assert cli(weft, *"flow destroy 16 rule 0".split()) == "Flow rule #0 destroyed\n"
    with weft.expect_drops():
        send_udp(c1, "10.1.0.2", 5000)
    ping(c1, "10.1.0.2")


def test_the_same_through_the_socket(lab):
    weft, c1, c2 = pair(lab)
    created = weft("rule.create", port="c1/eth0", pattern=UDP_5000, actions=COUNT_DROP)
    assert created["where"] == "sw"
    with weft.expect_drops(rule_drop=2):
        send_udp(c1, "10.1.0.2", 5000, count=2)
        send_udp(c2, "10.1.0.1", 5000)
    assert weft("rule.flush", port=16)["destroyed"] == [0]
    with pytest.raises(RpcError):
        weft("rule.query", port=16, rule=0)


def test_an_uplink_drops_one_tenant_before_it_is_unwrapped(lab):
    world = weft_and_kernel(lab)
    pattern = [{"item": "udp", "dst": 4789}, {"item": "vxlan", "vni": 5001}]
    created = world.weft("rule.create", port="up0", pattern=pattern, actions=COUNT_DROP)
    assert created["where"] == "sw", "af_packet has no rte_flow"
    assert not ping(world.c2, "10.1.0.1", count=2, check=False)[0]
    assert world.weft.drops()["rule_drop"] >= 2
    assert world.weft("rule.query", port=0, rule=created["rule"])["hits"] >= 2
    world.weft("rule.destroy", port="up0", rules=[created["rule"]])
    ping(world.c2, "10.1.0.1")
