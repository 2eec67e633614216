"""Who may talk to whom, with real containers, real TCP and rules that change under it."""

import subprocess
import threading
import time

import pytest
from harness.namespace import SLOWNESS, wait_until
from harness.rpc import RpcError
from harness.traffic import ping, tcp_gbps, warm
from harness.worlds import inner, weft_and_kernel

TIERS = {"web": 1, "app": 2, "db": 3}


def tiers(lab, cores="0", default="deny"):
    """One container for each tier, in a segment where nothing is allowed yet."""
    host = lab.host("A")
    weft = lab.weftd(host, cores=cores)
    weft.segment(encap="none", policy_default=default)
    containers = {}
    for tier, number in TIERS.items():
        containers[tier] = lab.container(tier)
        weft.attach(containers[tier], inner(number), groups=[tier])
    return weft, containers


def losses(weft):
    """Drops but those that interfaces cause when they come up (router solicitations, MLD, DAD)."""
    return {
        reason: count for reason, count in weft.drops().items()
        if reason not in ("no_flood_target", "unknown_remote_vtep")}


def allow(weft, name, sender, receiver, **more):
    weft("policy.add", tenant="acme", name=name, action="allow",
         **{"from": {"group": sender}, "to": {"group": receiver}}, **more)


def connects(source, address, port=5000, seconds=1.0):
    """Whether a TCP connection opens."""
    done = source.run(
        "timeout", seconds * SLOWNESS, "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}", check=False)
    return done.returncode == 0


class Listener:
    """Accepts TCP connections and echoes, in a namespace."""

    def __init__(self, namespace, port=5000):
        program = (
            "import socket,threading\n"
            f"s=socket.create_server(('',{port}),family=socket.AF_INET6,dualstack_ipv6=True)\n"
            "def echo(c):\n"
            "  while d:=c.recv(4096): c.sendall(d)\n"
            "while 1: threading.Thread(target=echo,args=(s.accept()[0],),daemon=True).start()\n")
        self._process = subprocess.Popen(namespace.inside("/usr/bin/python3", "-c", program))
        wait_until(lambda: f":{port} " in namespace.run("ss", "-Hltn").stdout, "somebody listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
def test_only_the_web_servers_may_talk_to_the_app_servers(lab, cores):
    weft, containers = tiers(lab, cores)
    allow(weft, "web-app", "web", "app", protocol="tcp", ports="5000")
    with Listener(containers["app"]), Listener(containers["db"]), Listener(containers["app"], 5001):
        for app in ("10.1.0.2", "fd00::2"):
            assert connects(containers["web"], app)
            assert not connects(containers["db"], app)
            assert not connects(containers["web"], app, port=5001)
        assert not connects(containers["app"], "10.1.0.3")
    assert not ping(containers["app"], "10.1.0.1", count=1, check=False)[0]
    assert set(losses(weft)) == {"policy_denied_sender"}
    rule, = weft("policy.list", tenant="acme")["rules"]
    assert rule["hits"]["connections"] >= 2 and rule["hits"]["packets"] > 4


def test_a_denial_closes_what_is_open_and_an_allowance_opens_it_again(lab):
    weft, containers = tiers(lab)
    allow(weft, "web-app", "web", "app", protocol="tcp")
    rates = []
    stream = threading.Thread(
        target=lambda: rates.append(tcp_gbps(containers["web"], containers["app"], "10.1.0.2", 3)))
    stream.start()
    time.sleep(1)
    weft("policy.remove", tenant="acme", name="web-app")
    denied = weft.drops().get("policy_denied_sender", 0)
    wait_until(lambda: weft.drops().get("policy_denied_sender", 0) > denied, "the stream is stopped")
    allow(weft, "web-app", "web", "app", protocol="tcp")
    stream.join()
    assert rates, "the stream did not survive"


def test_endpoints_that_share_a_group_may_talk_by_default(lab):
    weft, containers = tiers(lab, default="groups")
    assert not ping(containers["web"], "10.1.0.2", count=1, check=False)[0]
    weft("endpoint.set", container="web", groups=["web", "app"])
    ping(containers["web"], "10.1.0.2")
    ping(containers["app"], "fd00::1")


def test_a_rule_is_judged_for_what_comes_through_the_tunnel(lab):
    world = weft_and_kernel(lab)
    weft = world.weft
    weft("segment.set", name="blue", policy_default="deny")
    assert not ping(world.c2, "10.1.0.1", count=1, check=False)[0]
    assert losses(weft) == {"policy_denied_receiver": 1}
    weft("policy.add", tenant="acme", name="ping-in", action="allow", to="any",
         protocol="icmp", icmp_type=8, **{"from": {"cidr": "10.1.0.2/32"}})
    ping(world.c2, "10.1.0.1")
    assert not ping(world.c1, "10.1.0.2", count=1, check=False)[0]


def test_fragments_follow_their_first_one(lab):
    weft, containers = tiers(lab)
    weft("policy.add", tenant="acme", name="ping", action="allow", to="any", protocol="icmp",
         **{"from": "any"})
    weft("policy.add", tenant="acme", name="ping6", action="allow", to="any", protocol="icmpv6",
         **{"from": "any"})
    ping(containers["web"], "10.1.0.2", size=4000)
    ping(containers["web"], "fd00::2", size=4000)
    assert losses(weft) == {}


def test_connections_of_an_endpoint_are_limited(lab):
    weft, containers = tiers(lab, default="allow")
    weft("endpoint.set", container="web", limits={"connections": 3})
    program = (
        "import socket\n"
        "held=[]\n"
        "for i in range(6):\n"
        "  s=socket.socket(); s.settimeout(0.5)\n"
        "  try: s.connect(('10.1.0.2',5000)); held.append(s)\n"
        "  except OSError: pass\n"
        "print(len(held))\n")
    with Listener(containers["app"]):
        held = containers["web"].run("/usr/bin/python3", "-c", program)
        assert int(held.stdout) == 3
        assert connects(containers["db"], "10.1.0.2"), "a neighbour pays for it"
    assert set(losses(weft)) == {"connection_limit"}


def test_a_blocked_protocol_is_recognised_on_any_port(lab):
    weft, containers = tiers(lab, default="allow")
    weft("l7.add", tenant="acme", name="ssh", patterns=["ssh"])
    weft("policy.add", tenant="acme", name="no-ssh", action="deny", to="any", l7="ssh",
         **{"from": "any"})
    say = (
        "import socket,sys\n"
        "s=socket.create_connection(('10.1.0.2',5000)); s.settimeout(1)\n"
        "s.sendall(sys.argv[1].encode()+b'\\r\\n')\n"
        "print(s.recv(100).decode())\n")
    with Listener(containers["app"]):
        spoken = containers["web"].run("/usr/bin/python3", "-c", say, "hello there")
        assert "hello" in spoken.stdout
        refused = containers["web"].run(
            "/usr/bin/python3", "-c", say, "SSH-2.0-OpenSSH_9.2p1 Debian", check=False)
        assert refused.returncode != 0
    assert "policy_denied_sender" in losses(weft)
    assert set(losses(weft)) <= {"policy_denied_sender", "policy_denied_receiver"}


def test_flows_are_listed_and_flushed(lab):
    weft, containers = tiers(lab)
    allow(weft, "web-app", "web", "app", protocol="tcp")
    with Listener(containers["app"]):
        assert connects(containers["web"], "10.1.0.2")
        flows = weft("flow.list", endpoint="web/eth0")["flows"]
        assert [(flow["responder"], flow["responder_port"], flow["rule"]) for flow in flows] == [
            ("10.1.0.2", 5000, "web-app")]
    weft("flow.flush")
    assert weft("flow.list")["flows"] == []


def test_what_a_container_sends_is_policed_and_classed(lab):
    world = weft_and_kernel(lab)
    weft = world.weft
    weft("endpoint.set", container="c1", qos={"class": "AF41", "rate": "200Mbit/s", "burst": 1000000})
    rate = tcp_gbps(world.c1, world.c2, "10.1.0.2", seconds=3)
    assert rate < 0.22
    assert set(losses(weft)) == {"meter_red"}
    with world.peer.capture("net0") as wire:
        warm(world.c1, "10.1.0.2")
        tunnelled = [frame for frame in wire.frames() if frame[26:30] == bytes([192, 0, 2, 1])]
    assert tunnelled and all(frame[15] >> 2 == 34 for frame in tunnelled), "outer DSCP is not AF41"


# Two containers of two workers share a tenant's rate; each alone would fill it.
def test_a_tenants_meter_is_that_of_all_workers(lab):
    weft, containers = tiers(lab, cores="0,1", default="allow")
    rows = {row["container"]: row["worker"] for row in weft("endpoint.list")["endpoints"]}
    senders = [next(name for name in rows if rows[name] == worker) for worker in (0, 1)]
    weft("qos.meter.add", tenant="acme", name="all", cir="8Mbit/s", cbs=100_000, ebs=0)
    weft("tenant.set", name="acme", meter="all")
    blast = (
        "import socket,sys,time\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
        "end=time.monotonic()+float(sys.argv[2])\n"
        "while time.monotonic()<end:\n"
        "  for _ in range(10): s.sendto(bytes(972),(sys.argv[1],9))\n"
        "  time.sleep(0.002)\n")

    def passed():
        (meter,) = weft("qos.meter.list", tenant="acme")["meters"]
        return meter["green"]["octets"] + meter["yellow"]["octets"]
    target = next(f"10.1.0.{number}" for name, number in TIERS.items() if name not in senders)
    started, before = time.monotonic(), passed()
    blasts = [
        subprocess.Popen(containers[name].inside("/usr/bin/python3", "-c", blast, target, "3"))
        for name in senders]
    for process in blasts:
        assert process.wait(60) == 0
    octets, seconds = passed() - before, time.monotonic() - started
    assert octets <= 100_000 + 1_000_000 * seconds, "more than the tenant's rate passed"
    assert octets > 1_000_000 * 2, "far less than the rate passed"
    assert "meter_red" in losses(weft)


def test_what_a_container_gets_is_shaped(lab):
    weft, containers = tiers(lab, default="allow")
    weft("endpoint.set", container="app", qos={"rate_in": "100Mbit/s", "burst_in": 100000})
    rate = tcp_gbps(containers["web"], containers["app"], "10.1.0.2", seconds=3)
    assert 0.02 < rate < 0.11


def test_a_scarce_class_is_only_for_what_was_admitted(lab):
    weft, _ = tiers(lab, default="allow")
    weft("qos.budget.set", **{"class": "AF4", "rate": "200Mbit/s"})
    contract = {"contracts": [{"class": "AF4", "rate": "150Mbit/s"}]}
    weft("endpoint.set", container="web", qos=contract)
    with pytest.raises(RpcError) as refusal:
        weft("endpoint.set", container="app", qos=contract)
    assert "50000000 bit/s of" in refusal.value.message and "AF4" in refusal.value.message
