"""Who may ask for what: real users on the real socket, the audit, deadlines, and those who watch."""

import json
import socket
import subprocess
import time

import pytest
from harness.namespace import run, wait_until
from harness.rpc import Rpc, RpcError
from harness.traffic import ping

AGENT, OBSERVER, STRANGER = 61002, 61001, 61003
AGENTS_GROUP = 61500


def as_user(uid, *command, gid=61999, groups=()):
    """The command as that user; it may open files of root's, so that the test's folder does not stop it."""
    groups = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return [
        "setpriv", "--reuid", str(uid), "--regid", str(gid), *groups,
        "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override", *map(str, command)]


class Shell:
    """The CLI as some user."""

    def __init__(self, lab, daemon, uid, **ids):
        self._prefix = as_user(uid, lab.weft_binary, "--socket", daemon.socket_path, **ids)

    def __call__(self, *words):
        return subprocess.run(
            [*self._prefix, *words], capture_output=True, text=True, check=False, timeout=20)


@pytest.fixture
def world(lab):
    """Tenant acme has segment blue with c1, tenant rival has segment red with c2."""
    host, c1, c2 = lab.host("A"), lab.container("c1"), lab.container("c2")
    daemon = lab.weftd(host, options=("--state", lab.folder / "state"))
    call = daemon
    for tenant, segment in (("acme", "blue"), ("rival", "red")):
        call("tenant.add", name=tenant)
        call("segment.add", name=segment, tenant=tenant, encap="none")
    call("endpoint.attach", container="c1", segment="blue", netns=str(c1.path), addresses=["10.1.0.1/24"])
    call("endpoint.attach", container="c2", segment="red", netns=str(c2.path), addresses=["10.1.0.2/24"])
    call("access.add", name="watchers", uid=OBSERVER, role="observer")
    call("access.add", name="agents", gid=AGENTS_GROUP, role="tenant", tenants=["acme"])
    return daemon, c1, c2


def test_the_kernel_says_who_asks(lab, world):
    daemon, _, _ = world
    says = {
        0: "uid 0, operator", OBSERVER: f"uid {OBSERVER}, observer",
        STRANGER: f"uid {STRANGER}, none"}
    for uid, text in says.items():
        assert Shell(lab, daemon, uid)("whoami").stdout == text + "\n"
    agent = Shell(lab, daemon, AGENT, groups=(7, AGENTS_GROUP))
    assert agent("whoami").stdout == f"uid {AGENT}, tenant of acme\n"
    done = Shell(lab, daemon, STRANGER)("show", "tenant")
    assert (done.returncode, done.stderr) == (
        1, "weft: tenant.list: this user has no role (access.add gives one)\n")
    done = Shell(lab, daemon, OBSERVER)("tenant", "add", "x")
    assert done.returncode == 1
    assert "is an operator's to ask for, and this user is an observer" in done.stderr


def test_an_agent_looks_after_its_tenant_and_no_other(lab, world):
    daemon, c1, _ = world
    agent = Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)
    segments = json.loads(agent("show", "segment", "--json").stdout)["segments"]
    assert [row["name"] for row in segments] == ["blue"]
    c3 = lab.container("c3")
    done = agent("attach", "c3", "segment", "blue", "netns", str(c3.path), "ip", "10.1.0.3/24")
    assert done.returncode == 0, done.stderr
    ping(c1, "10.1.0.3")
    done = agent("attach", "c4", "segment", "red", "netns", str(c3.path))
    assert '"red" is of another tenant' in done.stderr
    done = agent("detach", "c2")
    assert '"c2" is of another tenant' in done.stderr
    assert len(daemon("endpoint.list")["endpoints"]) == 3


def test_an_agent_gets_no_interface_where_it_has_no_container(lab, world):
    daemon, _, c2 = world
    agent = Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)
    hosts = f"/proc/{daemon.pid()}/ns/net"
    done = agent("attach", "sly", "ifname", "sly0", "segment", "blue", "netns", hosts)
    assert "is the host's network namespace" in done.stderr
    done = agent("attach", "sly", "ifname", "sly0", "segment", "blue", "netns", str(c2.path))
    assert "is of a container of another tenant" in done.stderr
    for place in (lab.namespaces[0], c2):
        assert "sly0" not in run(*place.inside("ip", "-br", "link")).stdout
    assert daemon("stats.get")["conserved"]


def test_an_agents_part_of_the_document(lab, world):
    daemon, _, _ = world
    agent = Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)
    document = json.loads(agent("get", "tenant", "acme").stdout)
    assert [entry["name"] for entry in document["segments"]] == ["blue"]
    file = lab.folder / "acme.json"
    document["policies"] = [{"tenant": "acme", "rules": [{"name": "none", "action": "deny"}]}]
    file.write_text(json.dumps(document))
    done = agent("apply", "-f", str(file), "tenant", "acme")
    assert done.returncode == 0, done.stderr
    document["segments"] = []
    document["endpoints"] = []
    file.write_text(json.dumps(document))
    done = agent("apply", "-f", str(file), "tenant", "acme")
    assert "segment.remove: is an operator's to ask for" in done.stderr
    assert len(daemon("endpoint.list")["endpoints"]) == 2


def test_a_quota_bounds_an_agent(lab, world):
    daemon, _, _ = world
    agent = Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)
    assert Shell(lab, daemon, 0)("tenant", "quota", "acme", "endpoints", "1").returncode == 0
    done = agent("attach", "c3", "segment", "blue", "netns", str(lab.container("c3").path))
    assert done.stderr == "weft: tenant acme: 2 endpoints are above its quota 1\n"
    assert "is an operator's" in agent("tenant", "quota", "acme", "endpoints", "9").stderr


def test_every_change_and_refusal_is_a_line_of_the_audit(lab, world):
    daemon, _, _ = world
    Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)("segment", "del", "red")
    Shell(lab, daemon, 0)("tenant", "add", "extra")
    lines = [json.loads(line) for line in (lab.folder / "state/audit.jsonl").read_text().splitlines()]
    refused, accepted = lines[-2:]
    assert (refused["uid"], refused["role"], refused["method"], refused["object"], refused["code"]) == (
        AGENT, "tenant", "segment.remove", {"name": "red"}, -32008)
    assert (accepted["uid"], accepted["result"], accepted["object"]) == (0, "accepted", {"name": "extra"})
    assert accepted["generation"] == daemon("version")["generation"]
    table = Shell(lab, daemon, OBSERVER)("audit", "limit", "2").stdout
    assert "tenant.add" in table and "refused:" in table and str(AGENT) in table
    assert "is an observer's" in Shell(lab, daemon, AGENT, gid=AGENTS_GROUP)("audit").stderr


def test_roles_survive(lab, world):
    daemon, _, _ = world
    generation = daemon("version")["generation"]
    daemon.kill()
    lab.daemons.remove(daemon)
    daemon = lab.weftd(lab.namespaces[0], options=("--state", lab.folder / "state"))
    assert daemon("version")["generation"] == generation
    assert Shell(lab, daemon, OBSERVER)("whoami").stdout == f"uid {OBSERVER}, observer\n"


def test_a_deadline(world):
    daemon, _, _ = world
    rpc = Rpc(daemon.socket_path)
    rpc("tenant.add", name="in-time", deadline_ms=5000)
    # Behind a request that takes its time, one that can not wait.
    patterns = [{"regex": f"^{i}.{{10,200}}(alpha|beta|gamma){i}"} for i in range(40)]
    slow = {"jsonrpc": "2.0", "id": 1, "method": "l7.add",
            "params": {"tenant": "rival", "name": "slow", "patterns": patterns}}
    late = {"jsonrpc": "2.0", "id": 2, "method": "tenant.add", "params": {"name": "late", "deadline_ms": 1}}
    rpc.send_line((json.dumps(slow) + "\n" + json.dumps(late) + "\n").encode())
    assert "result" in rpc.read_line()
    answer = rpc.read_line()
    assert answer["error"]["code"] == -32006
    assert "nothing was changed" in answer["error"]["message"]
    assert "late" not in [row["name"] for row in rpc("tenant.list")["tenants"]]


def test_watching(lab, world):
    daemon, _, _ = world
    command = [lab.weft_binary, "--socket", daemon.socket_path, "watch", "--json"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as everything, \
            subprocess.Popen(
                as_user(AGENT, *command, gid=AGENTS_GROUP), stdout=subprocess.PIPE, text=True) as agents:
        try:
            # Until both are subscribed, events may pass them by.
            time.sleep(0.5)
            daemon("endpoint.detach", container="c2")
            daemon("endpoint.detach", container="c1")
            seen = [json.loads(everything.stdout.readline()) for _ in range(4)]
            assert [event["event"] for event in seen] == ["detach", "change", "detach", "change"]
            assert seen[0]["endpoint"] == "c2/eth0"
            assert json.loads(agents.stdout.readline()) == {
                "event": "detach", "generation": seen[2]["generation"], "tenant": "acme",
                "endpoint": "c1/eth0", "segment": "blue"}
        finally:
            everything.kill()
            agents.kill()


def test_a_container_that_goes_away_is_told(lab, world):
    daemon, c1, _ = world
    rpc = Rpc(daemon.socket_path)
    rpc("watch", events=["gone"])
    c1.delete()
    assert rpc.read_line()["params"]["endpoint"] == "c1/eth0"


def test_a_subscriber_that_does_not_read_hurts_nobody(world):
    daemon, _, _ = world
    deaf = socket.socket(socket.AF_UNIX)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(str(daemon.socket_path))
    deaf.sendall(b'{"jsonrpc":"2.0","id":1,"method":"watch"}\n')
    slowest = 0.0
    for i in range(3000):
        start = time.monotonic()
        daemon("tenant.add", name=f"t{i}")
        slowest = max(slowest, time.monotonic() - start)
    assert slowest < 1
    # It reads nothing for 5 s while events wait for it: it is closed.
    def is_closed():
        deaf.setblocking(False)
        try:
            while deaf.recv(65536):
                pass
            return True
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
    time.sleep(6)
    wait_until(is_closed, "the deaf subscriber is disconnected")


def test_a_subscriber_is_told_how_many_it_missed(lab):
    daemon = lab.weftd(lab.host("A"))
    slow = Rpc(daemon.socket_path)
    slow("watch", events=["change"])
    total = 6000
    for number in range(total):
        daemon("access.add", name=f"a{number}", uid=70000 + number, role="observer")
    seen = missed = 0
    while seen + missed < total:
        event = slow.read_line()["params"]
        if event["event"] == "missed":
            missed += event["count"]
        else:
            seen += 1
        if seen == 1000:
            daemon("tenant.add", name="x")  # there is room again: what was missed is said with the next one
            total += 1
    assert missed > 0 and seen + missed == total
