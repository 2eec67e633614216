"""packaging/weftd.service: weftd as another user than root, with the unit's capabilities and system calls."""

import configparser
import pathlib
import re
import shutil
import subprocess

import pytest
from harness.traffic import ping

UNIT = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "weftd.service"
USER = 61400


def settings(name):
    """The values of a setting of [Service], each line one."""
    lines = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert lines, name
    return [line.split() for line in lines]


def capabilities():
    return [name.removeprefix("CAP_").lower() for name in settings("AmbientCapabilities")[0]]


def allowed_calls():
    """What SystemCallFilter lets through."""
    def expand(words):
        calls = set()
        for word in words:
            if not word.startswith("@"):
                calls.add(word)
                continue
            listed = subprocess.run(
                ["systemd-analyze", "syscall-filter", word],
                capture_output=True, text=True, check=True).stdout
            inner = [line.strip() for line in listed.splitlines()[1:] if line.strip()]
            calls |= expand([name for name in inner if not name.startswith("#")])
        return calls

    allowed = set()
    for words in settings("SystemCallFilter"):
        if words[0].startswith("~"):
            allowed -= expand([words[0][1:], *words[1:]])
        else:
            allowed |= expand(words)
    return allowed


def unprivileged(*command):
    words = ",".join(["-all", *(f"+{name}" for name in capabilities())])
    return ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--bounding-set", words,
            "--inh-caps", words, "--ambient-caps", words, "--no-new-privs", *map(str, command)]


@pytest.fixture(name="place")
def place_of_the_users(tmp_path_factory):
    """A folder that the user may write, as systemd's RuntimeDirectory and StateDirectory are."""
    folder = pathlib.Path("/tmp") / f"weft-service-{tmp_path_factory.getbasetemp().name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    shutil.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


def test_the_unit_is_sound():
    assert shutil.which("systemd-analyze")
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(UNIT)
    assert settings("CapabilityBoundingSet") == settings("AmbientCapabilities")
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=45", UNIT],
        capture_output=True, text=True, check=False, timeout=30)
    assert security.returncode == 0, security.stdout[-300:] + security.stderr


def test_the_daemon_needs_no_more_than_the_unit_gives(lab, place):
    """All that it does for containers and uplinks, and not one call more."""
    if b"__asan_init" in lab.weftd_binary.read_bytes():
        pytest.skip("a sanitizer makes calls of its own, and looks for leaks as a debugger does")
    host, peer = lab.host("A"), lab.host("B")
    lab.uplink_wire(host, peer)
    c1, c2 = lab.container("c1"), lab.container("c2")
    calls = place / "calls"
    daemon = lab.weftd(
        host, prefix=unprivileged("strace", "-D", "-f", "-qq", "-o", calls), socket=place / "weft.sock",
        options=("--state", place / "state"))
    status = pathlib.Path(f"/proc/{daemon.pid()}/status").read_text()
    assert f"Uid:\t{USER}" in status and "NoNewPrivs:\t1" in status
    daemon.uplink()
    daemon("tenant.add", name="acme")
    daemon("segment.add", name="blue", tenant="acme", vni=5001, local_vtep="192.0.2.1")
    daemon("segment.add", name="red", tenant="acme", encap="none")
    daemon.attach(c1, ["10.1.0.1/24"], segment="red")
    daemon.attach(c2, ["10.1.0.2/24"], segment="red", kind="veth")
    ping(c1, "10.1.0.2")
    daemon("l7.add", tenant="acme", name="ssh", patterns=["ssh"])
    daemon("policy.add", tenant="acme", name="all", action="allow", l7="ssh")
    daemon("endpoint.detach", container="c1")
    assert daemon("version")["pid"] == daemon.pid()
    daemon.assert_conserved()
    daemon.stop()
    used = set(re.findall(r"^\d+\s+(\w+)\(", calls.read_text(), re.MULTILINE))
    assert {"setns", "ioctl", "sendto"} <= used
    # DPDK asks for I/O ports, and goes on without: CAP_SYS_RAWIO is not the unit's either.
    assert used - {"iopl"} <= allowed_calls(), sorted(used - allowed_calls())
