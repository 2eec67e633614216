"""weftd as a process: start, refusal, takeover, readiness, end."""

import json
import os
import signal
import socket
import subprocess
import time

from harness.namespace import SLOWNESS, run, wait_until
from harness.traffic import ping, warm
from harness.worlds import inner, weft_and_weft


def test_a_second_daemon_on_the_socket_is_refused_and_the_first_goes_on(lab):
    host = lab.host("A")
    first = lab.weftd(host)
    second = host.run(
        lab.weftd_binary, "--socket", first.socket_path, "--cores", "1", check=False, timeout=20)
    said = second.stdout + second.stderr
    assert second.returncode != 0
    assert str(first.socket_path) in said and str(first.pid()) in said, said
    first("version")


def test_a_stale_socket_is_taken_over(lab):
    host = lab.host("A")
    first = lab.weftd(host)
    first.process.kill()
    first.process.wait()
    assert first.socket_path.exists()
    second = lab.weftd(host)
    second("version")


def test_sigterm_leaves_no_namespace_device_or_file(lab):
    world = weft_and_weft(lab, "vxlan")
    veth = lab.container("c3")
    world.weft.attach(veth, inner(3), kind="veth")
    runtime = set(os.listdir("/run/dpdk")) if os.path.exists("/run/dpdk") else set()
    assert world.c1.links() == ["eth0"] and veth.links() == ["eth0"]
    world.weft.stop()
    wait_until(lambda: world.c1.links() == [] and veth.links() == [], "the devices are gone")
    assert sorted(os.listdir("/run/netns")) == sorted(n.name for n in lab.namespaces)
    assert world.host.links() == ["net0"]
    left = set(os.listdir("/run/dpdk")) if os.path.exists("/run/dpdk") else set()
    assert left <= runtime


def test_sigterm_under_traffic_ends_cleanly(lab):
    world = weft_and_weft(lab, "vxlan", cores="0,1")
    flood = subprocess.Popen(
        world.c1.inside("ping", "-f", "-q", "10.1.0.2"), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    world.weft.stop()
    flood.kill()
    flood.wait()


def test_systemd_is_told_when_the_daemon_is_ready_and_when_it_stops(lab, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(15 * SLOWNESS)
        daemon = lab.weftd(lab.host("A"), environment=os.environ | {"NOTIFY_SOCKET": str(path)})
        assert b"READY=1" in notify.recv(4096)
        daemon.stop()
        assert b"STOPPING=1" in notify.recv(4096)


def test_a_config_file_gives_the_network_that_config_get_described(lab, tmp_path):
    first = weft_and_weft(lab, "nvgre")
    document = first.weft("config.get")
    first.weft.stop()
    config = tmp_path / "weft.json"
    config.write_text(json.dumps(document))
    second = lab.weftd(first.host, options=["--config", config])
    assert second("config.get") == document
    warm(first.c1, "10.1.0.2", seconds=10)
    ping(first.c1, "fd00::2")


def refusal(lab, *options):
    done = lab.host("A").run(
        lab.weftd_binary, "--socket", lab.folder / "x.sock", *options, check=False, timeout=20)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT), done
    assert not (lab.folder / "x.sock").exists()
    return done.stdout + done.stderr


def test_a_wrong_config_file_is_refused_naming_the_field(lab, tmp_path):
    config = tmp_path / "weft.json"
    config.write_text(json.dumps({"tenants": [{"name": "acme"}], "segments": [
        {"name": "blue", "tenant": "acme", "encap": "vxlan", "vni": 1 << 24, "local_vtep": "192.0.2.1"}]}))
    said = refusal(lab, "--config", config)
    assert "vni" in said and "16777216" in said


def test_a_config_file_that_is_not_json_is_refused(lab, tmp_path):
    config = tmp_path / "weft.json"
    config.write_text("{ tenants: ")
    assert str(config) in refusal(lab, "--config", config)


def test_a_missing_config_file_is_refused(lab, tmp_path):
    assert "nowhere.json" in refusal(lab, "--config", tmp_path / "nowhere.json")


def test_a_core_that_does_not_exist_is_refused(lab):
    assert "4096" in refusal(lab, "--cores", "4096")


def test_an_unknown_option_is_refused(lab):
    assert "--colour" in refusal(lab, "--colour")


def test_an_idle_daemon_leaves_the_cpu_alone(lab):
    world = weft_and_weft(lab, "vxlan")
    ticks = os.sysconf("SC_CLK_TCK")

    def cpu_seconds():
        fields = open(f"/proc/{world.weft.pid()}/stat", encoding="ascii").read().split()
        return (int(fields[13]) + int(fields[14])) / ticks
    before = cpu_seconds()
    time.sleep(2)
    assert cpu_seconds() - before < 1.0 * SLOWNESS, "an idle daemon used more than half a core"


def test_the_binary_says_its_version(lab):
    assert run(lab.weftd_binary, "--version").stdout.startswith("weftd 0.")
