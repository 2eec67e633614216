"""The end of an attachment: DEL whatever happens, and whatever happens at the same time."""

import json
import signal
import time

import pytest
from harness.cni import CniError, Libcni, LossyProxy, finish, start
from harness.cni_world import config, endpoints, leased, leases, one, slow_ipam, spooled, weft  # noqa: F401
from harness.namespace import run, wait_until
from harness.traffic import warm


# -- DEL ----------------------------------------------------------------------------------------------


def test_del_succeeds_whatever_is_missing(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases})
    runtime.delete(c1)  # never added
    for way in ({"netns": ""}, {"netns": "/run/netns/gone"}, {"keep_previous": False}):
        runtime.add(c1)
        runtime.delete(c1, **way)
        assert (leased(tmp_path), endpoints(weft)) == ([], {})
        runtime.delete(c1, **way)
    c2 = lab.container("c2")
    runtime.add(c2)
    c2.delete()
    runtime.delete(c2, netns="")
    assert (leased(tmp_path), endpoints(weft)) == ([], {})


def test_a_lease_is_not_given_back_before_the_endpoint_is_gone(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases})
    runtime.add(c1)
    weft.process.send_signal(signal.SIGSTOP)
    short = Libcni(config | {"ipam": leases, "timeout_s": 1})
    begin = time.monotonic()
    short.delete(c1)
    assert time.monotonic() - begin < 5
    assert leased(tmp_path) == ["10.1.0.10"]
    assert spooled(tmp_path) == ["c1:eth0.json"]
    weft.process.send_signal(signal.SIGCONT)
    Libcni(config | {"cniVersion": "1.1.0"}).status()  # any later call
    assert (leased(tmp_path), spooled(tmp_path), endpoints(weft)) == ([], [], {})


def test_del_without_a_daemon_is_kept_and_made_up_for(lab, weft, config, leases, tmp_path):
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config | {"ipam": leases})
    runtime.add(c1)
    hidden = weft.socket_path.with_suffix(".hidden")
    weft.socket_path.rename(hidden)
    runtime.delete(c1)
    runtime.delete(c1)
    assert spooled(tmp_path) == ["c1:eth0.json"]
    assert list(endpoints(weft)) == ["c1/eth0"]
    hidden.rename(weft.socket_path)
    runtime.add(c2)
    assert list(endpoints(weft)) == ["c2/eth0"]
    assert (leased(tmp_path), spooled(tmp_path)) == (["10.1.0.11"], [])


def test_what_can_not_be_made_up_for_holds_nobody_up(lab, weft, config, tmp_path):
    """Forty departures wait: some for another daemon, some damaged, the rest are carried out bit by bit."""
    spool = tmp_path / "state" / "spool"
    spool.mkdir(parents=True)
    for number in range(40):
        name = f"gone{number}:eth0.json"
        socket = str(tmp_path / "other.sock") if number % 2 else config["socket"]
        departure = {"container": f"gone{number}", "ifname": "eth0", "socket": socket, "attempts": 0}
        (spool / name).write_text(json.dumps(departure) if number else "{")
    status = Libcni(config | {"cniVersion": "1.1.0"})
    status.status()
    assert 20 < len(spooled(tmp_path)) < 40  # some, and not all at once
    wait_until(lambda: status.status() or len(spooled(tmp_path)) == 20, "all of ours are done")
    c1 = lab.container("c1")
    Libcni(config).add(c1, capabilities=one())


def test_an_add_after_a_kept_del_of_the_same_key_is_not_taken_away_later(lab, weft, config, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config)
    runtime.add(c1, capabilities=one())
    hidden = weft.socket_path.with_suffix(".hidden")
    weft.socket_path.rename(hidden)
    runtime.delete(c1)
    hidden.rename(weft.socket_path)
    runtime.add(c1, capabilities=one(6))
    Libcni(config | {"cniVersion": "1.1.0"}).status()
    assert endpoints(weft)["c1/eth0"]["addresses"] == ["10.1.0.6/24"]
    assert spooled(tmp_path) == []


def test_add_without_a_daemon_fails_at_once_and_takes_no_lease(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    weft.stop()
    begin = time.monotonic()
    with pytest.raises(CniError) as refused:
        Libcni(config | {"ipam": leases}).add(c1)
    assert time.monotonic() - begin < 2
    assert refused.value.code == 11
    assert str(weft.socket_path) in refused.value.message
    assert leased(tmp_path) == []


def test_an_add_without_an_answer_fails_in_time_and_is_undone_later(
        lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    weft.process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(CniError) as refused:
        Libcni(config | {"ipam": leases, "timeout_s": 2}).add(c1)
    assert time.monotonic() - begin < 4
    assert refused.value.code == 11
    weft.process.send_signal(signal.SIGCONT)
    runtime = Libcni(config | {"ipam": leases})
    runtime.delete(c1)
    assert (c1.links(), leased(tmp_path), endpoints(weft), spooled(tmp_path)) == ([], [], {}, [])


def test_the_answer_to_an_attach_that_gets_lost_is_asked_for_again(lab, weft, config, tmp_path):
    """A go-between swallows the first answer to endpoint.attach and closes: it was carried out."""
    c1 = lab.container("c1")
    with LossyProxy(weft.socket_path, tmp_path / "lossy.sock", "endpoint.attach") as proxy:
        result = Libcni(config | {"socket": str(proxy.path)}).add(c1, capabilities=one())
    assert (proxy.lost, proxy.requests.count("endpoint.attach")) == (1, 2)
    assert result["interfaces"][0]["mac"] == c1.mac("eth0")
    assert list(endpoints(weft)) == ["c1/eth0"]


def test_an_attach_that_comes_after_its_add_gave_up_is_undone(
        lab, weft, config, leases, tmp_path):
    """The daemon stops with the attach in its socket: ADD fails in time, and the daemon goes on later."""
    c1 = lab.container("c1")

    def stop():
        weft.process.send_signal(signal.SIGSTOP)
    proxy = LossyProxy(weft.socket_path, tmp_path / "proxy.sock", "endpoint.attach", before=stop)
    runtime = Libcni(config | {"ipam": leases, "socket": str(proxy.path), "timeout_s": 2})
    with proxy:
        begin = time.monotonic()
        with pytest.raises(CniError) as refused:
            runtime.add(c1)
        assert time.monotonic() - begin < 4
        assert refused.value.code == 11
        assert spooled(tmp_path) == ["c1:eth0.json"]
        weft.process.send_signal(signal.SIGCONT)
    # It goes on: whatever it carries out, the lease is still held, and the next call takes all away.
    assert leased(tmp_path) == ["10.1.0.10"]
    proxy.path.unlink()
    proxy.path.symlink_to(weft.socket_path)
    runtime.delete(c1)
    assert (c1.links(), leased(tmp_path), endpoints(weft), spooled(tmp_path)) == ([], [], {}, [])


def test_del_frees_everything_that_the_container_had(lab, weft, config):
    c1 = lab.container("c1")
    runtime = Libcni(config)
    before = weft("config.get")
    runtime.add(c1, capabilities=one() | {
        "bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 800_000}})
    weft("rule.create", port="c1/eth0", pattern=[{"item": "eth"}], actions=[{"action": "count"}])
    runtime.delete(c1)
    assert weft("config.get") == before
    assert weft("port.list")["ports"] == weft("qos.port.list")["ports"] == []
    assert weft("fdb.list")["entries"] == []


def test_without_a_folder_for_its_files_add_fails_and_del_does_not(lab, weft, config, tmp_path):
    c1 = lab.container("c1")
    Libcni(config).add(c1, capabilities=one())
    (tmp_path / "file").touch()
    blocked = Libcni(config | {"stateDir": str(tmp_path / "file" / "state")})
    done = blocked.delete(c1)
    assert "file/state" in done.stderr
    assert (endpoints(weft), c1.links()) == ({}, [])
    with pytest.raises(CniError) as refused:
        blocked.add(c1, capabilities=one())
    assert refused.value.code == 5
    assert c1.links() == []


def test_a_file_that_was_edited_since_still_detaches(lab, weft, config):
    c1 = lab.container("c1")
    Libcni(config).add(c1, capabilities=one())
    edited = config | {"segment": "green", "mtu": "none", "groups": 7, "kind": "bridge"}
    Libcni(edited).delete(c1)
    assert endpoints(weft) == {}


def test_names_of_nested_containers_are_long(lab, weft, config, tmp_path):
    nested = ".".join(["9f1c0a52-1d5b-4a0e-8a58-0f3f2b1f9c11"] * 3)  # 110 characters
    c1 = lab.container("c1")
    c1.name = nested
    try:
        runtime = Libcni(config)
        runtime.add(c1, "a-long-ifname15", capabilities=one())
        assert list(endpoints(weft)) == [f"{nested}/a-long-ifname15"]
        hidden = weft.socket_path.with_suffix(".hidden")
        weft.socket_path.rename(hidden)
        runtime.delete(c1, "a-long-ifname15")
        hidden.rename(weft.socket_path)
        Libcni(config | {"cniVersion": "1.1.0"}).status()
        assert (endpoints(weft), spooled(tmp_path)) == ({}, [])
        c1.name = nested * 2  # more than the daemon has room for
        with pytest.raises(CniError) as refused:
            runtime.add(c1, capabilities=one())
        assert refused.value.code == 4
        runtime.delete(c1)
    finally:
        c1.name = "c1"


# -- at the same time ---------------------------------------------------------------------------------
def test_a_hundred_containers_at_once(lab, weft, config, leases, tmp_path):
    containers = [lab.container(f"p{number}") for number in range(100)]
    runtime = Libcni(config | {"ipam": leases, "timeout_s": 50})
    processes = [runtime.start_add(container) for container in containers]
    results = [finish(process).result() for process in processes]
    addresses = {result["ips"][0]["address"] for result in results}
    assert len(addresses) == 100
    assert len(endpoints(weft)) == len(leased(tmp_path)) == 100
    warm(containers[0], results[99]["ips"][0]["address"].split("/")[0])
    processes = [
        start(runtime.environment("DEL", c.name, c.path, "eth0"), json.dumps(runtime.config))
        for c in containers]
    assert [finish(process).result() for process in processes] == [None] * 100
    assert (endpoints(weft), leased(tmp_path), spooled(tmp_path)) == ({}, [], [])
    assert not any(path.suffix == ".lock" for path in (tmp_path / "state" / "keys").iterdir())


def test_more_at_once_than_the_daemon_takes_clients(lab, weft, config):
    """It takes 128; the others wait their turn. None of these gets as far as a namespace."""
    runtime = Libcni(config | {"cniVersion": "1.1.0", "timeout_s": 50})
    processes = [
        start(runtime.environment("STATUS"), json.dumps(runtime.config)) for _ in range(200)]
    assert [finish(process).status for process in processes] == [0] * 200


def test_four_networks_of_one_container_at_once(lab, weft, config, leases):
    c1 = lab.container("c1")
    runtimes = []
    for number in range(4):
        weft.segment(name=f"net{number}", encap="none")
        pool = leases | {"ranges": [[{"subnet": f"10.{number}.0.0/24"}]]}
        runtimes.append(Libcni(config | {"name": f"net{number}", "segment": f"net{number}", "ipam": pool}))
    processes = [r.start_add(c1, f"eth{number}") for number, r in enumerate(runtimes)]
    for process in processes:
        finish(process).result()
    assert sorted(c1.links()) == ["eth0", "eth1", "eth2", "eth3"]


def test_of_two_adds_of_one_key_one_succeeds(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases})
    processes = [runtime.start_add(c1) for _ in range(2)]
    done = [finish(process) for process in processes]
    assert sorted(d.status for d in done) == [0, 1]
    assert json.loads(next(d for d in done if d.status).stdout)["code"] == 101
    assert len(leased(tmp_path)) == 1
    assert c1.links() == ["eth0"]


def test_a_del_cancels_the_add_that_is_in_progress(lab, weft, config, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": {"type": "slow"}}, path=slow_ipam(tmp_path, 1))
    adding = runtime.start_add(c1)
    wait_until(lambda: (tmp_path / "calls").exists(), "the IPAM plugin runs")
    runtime.delete(c1)
    assert endpoints(weft) == {}
    with pytest.raises(CniError) as cancelled:
        finish(adding).result()
    assert cancelled.value.code == 102
    assert (c1.links(), endpoints(weft), spooled(tmp_path)) == ([], {}, [])
    assert (tmp_path / "calls").read_text().split()[:2] == ["ADD", "DEL"]
    # The tombstone is for ADDs that began before it.
    assert runtime.add(c1)["ips"][0]["address"] == "10.1.0.9/24"


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05])
def test_an_add_that_was_killed_is_undone_by_del(lab, weft, config, leases, tmp_path, delay):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases})
    process = runtime.start_add(c1)
    time.sleep(delay)
    process.kill()
    finish(process)
    runtime.delete(c1)
    time.sleep(0.1)  # an attach that was under way would show now
    assert (c1.links(), leased(tmp_path), endpoints(weft)) == ([], [], {})
    runtime.add(c1)


def test_an_ipam_plugin_ends_with_the_add_that_was_killed(lab, weft, config, tmp_path):
    c1 = lab.container("c1")
    folder = slow_ipam(tmp_path, 30)
    adding = Libcni(config | {"ipam": {"type": "slow"}}, path=folder).start_add(c1)
    wait_until(lambda: (tmp_path / "calls").exists(), "the IPAM plugin runs")
    adding.kill()
    adding.wait()
    wait_until(
        lambda: not run("pgrep", "-f", f"{folder}/slow", check=False).stdout, "the plugin ended too")


def test_del_does_not_wait_for_an_add_that_hangs(lab, weft, config, tmp_path):
    c1 = lab.container("c1")
    folder = slow_ipam(tmp_path, 30)
    adding = Libcni(config | {"ipam": {"type": "slow"}}, path=folder).start_add(c1)
    wait_until(lambda: (tmp_path / "calls").exists(), "the IPAM plugin runs")
    begin = time.monotonic()
    Libcni(config | {"timeout_s": 2}).delete(c1)
    assert time.monotonic() - begin < 4
    assert spooled(tmp_path) == ["c1:eth0.json"]
    # Its own deadline ends the ADD, and the plugin with it.
    with pytest.raises(CniError):
        finish(adding, timeout=12).result()
    assert run("pgrep", "-f", f"{folder}/slow", check=False).stdout == ""
    assert (c1.links(), endpoints(weft)) == ([], {})


# -- restart ------------------------------------------------------------------------------------------


def test_a_daemon_that_was_restarted_in_between(lab, config, leases, tmp_path):
    host = lab.host("B")
    durable = ["--state", tmp_path / "daemon"]
    first = lab.weftd(host, options=durable)
    first.segment(encap="none")
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config | {"ipam": leases, "socket": str(first.socket_path)})
    runtime.add(c1)
    runtime.add(c2)
    first.process.kill()
    first.process.wait()
    runtime.delete(c2)  # with nobody there
    assert spooled(tmp_path) == ["c2:eth0.json"]
    second = lab.weftd(host, options=durable)
    assert sorted(endpoints(second)) == ["c1/eth0", "c2/eth0"]
    runtime.check(c1)
    assert list(endpoints(second)) == ["c1/eth0"]
    assert leased(tmp_path) == ["10.1.0.10"]
    runtime.delete(c1)
    assert (endpoints(second), leased(tmp_path)) == ({}, [])
