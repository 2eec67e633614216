"""weft-cni as a runtime sees it: libcni's way of calling it, real namespaces, a real weftd and a real
host-local. What is asserted is in the CNI specification, 1.1.0 where nothing else is said. Here: the
protocol, and ADD."""

import json
import os
import pathlib
import subprocess

import pytest
from harness.cni import PROGRAM, CniError, Libcni, call
from harness.cni_world import config, endpoints, leased, leases, one, spooled, weft  # noqa: F401
from harness.traffic import ping, warm

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


# -- the protocol, without a daemon -------------------------------------------------------------------


def test_versions_are_told_without_any_other_variable():
    answer = call({"CNI_COMMAND": "VERSION"}, '{"cniVersion": "0.4.0"}').result()
    assert answer == {"cniVersion": "0.4.0", "supportedVersions": VERSIONS}
    assert call({"CNI_COMMAND": "VERSION"}, "").result()["supportedVersions"] == VERSIONS
    assert Libcni({}).versions()["supportedVersions"] == VERSIONS


def test_an_unknown_version_is_code_1(config):
    with pytest.raises(CniError) as refused:
        Libcni(config | {"cniVersion": "9.9.9"}).status()
    assert refused.value.code == 1
    assert "9.9.9" in refused.value.message


@pytest.mark.parametrize(("command", "version"), [
    ("CHECK", "0.3.1"), ("STATUS", "1.0.0"), ("GC", "1.0.0")])
def test_an_operation_that_a_version_does_not_have_is_code_1(config, command, version):
    runtime = Libcni(config | {"cniVersion": version})
    done = call(runtime.environment(command, "c1", "/x", "eth0"), json.dumps(runtime.config))
    with pytest.raises(CniError) as refused:
        done.result()
    assert (refused.value.code, refused.value.version) == (1, version)


@pytest.mark.parametrize(("command", "missing"), [
    ("ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
    ("DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]),
    ("CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
    ("GC", ["CNI_PATH"])])
def test_every_missing_variable_is_named_in_code_4(config, command, missing):
    # Set to nothing, as libcni does, is missing too.
    for empty in ({}, dict.fromkeys(missing, "")):
        with pytest.raises(CniError) as refused:
            call({"CNI_COMMAND": command} | empty, json.dumps(config)).result()
        assert refused.value.code == 4
        assert all(name in refused.value.message for name in missing)


@pytest.mark.parametrize("wrong", [
    {"CNI_COMMAND": "FLY"}, {"CNI_CONTAINERID": "../c1"}, {"CNI_CONTAINERID": "-c1"},
    {"CNI_IFNAME": "a" * 16}, {"CNI_IFNAME": "a/b"}, {"CNI_IFNAME": ".."}, {"CNI_IFNAME": "a:b"}])
def test_a_variable_that_is_not_valid_is_named_in_code_4(config, wrong):
    good = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/x", "CNI_IFNAME": "eth0"}
    with pytest.raises(CniError) as refused:
        call(good | wrong, json.dumps(config)).result()
    assert refused.value.code == 4
    assert next(iter(wrong)) in refused.value.message


@pytest.mark.parametrize(("stdin", "code"), [
    ("", 6), ("{", 6), ("[]", 6), ('{"cniVersion": "1.0.0"}', 7), ('{"name": "../x"}', 7),
    ('{"name": 5}', 7), ('{"name": "shop", "mtu": "big"}', 7), ('{"name": "shop", "kind": "bridge"}', 7),
    ('{"name": "shop", "ipMasq": true}', 2)])
def test_what_stdin_has_wrong_has_its_code(stdin, code):
    environment = {
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/x", "CNI_IFNAME": "eth0"}
    with pytest.raises(CniError) as refused:
        call(environment, stdin).result()
    assert refused.value.code == code


def test_an_input_that_can_not_be_read_is_code_5():
    with open("/proc/self/mem", "rb") as unreadable:
        done = subprocess.run(
            [PROGRAM], env={"CNI_COMMAND": "STATUS"}, stdin=unreadable, capture_output=True,
            text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == 5


def test_without_a_command_it_says_what_it_is_on_stderr():
    done = call({}, "")
    assert (done.status, done.stdout) == (0, "")
    assert "weft-cni" in done.stderr and "1.1.0" in done.stderr


# -- ADD ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_result_has_the_shape_of_the_version(lab, weft, config, version):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"cniVersion": version, "gateway": "10.1.0.254"})
    both = {"ips": ["10.1.0.5/24", "fd00::5/64"], "mac": "02:aa:bb:cc:dd:01"}
    result = runtime.add(c1, capabilities=both)
    route = {"dst": "0.0.0.0/0", "gw": "10.1.0.254"}
    if version < "0.3.0":
        assert result == {
            "cniVersion": version,
            "ip4": {"ip": "10.1.0.5/24", "gateway": "10.1.0.254", "routes": [route]},
            "ip6": {"ip": "fd00::5/64"}}
    else:
        family = version < "1.0.0"
        mtu = {"mtu": 1500} if version == "1.1.0" else {}
        assert result == {
            "cniVersion": version,
            "interfaces": [{"name": "eth0", "mac": "02:aa:bb:cc:dd:01", "sandbox": c1.path} | mtu],
            "ips": [
                {"address": "10.1.0.5/24", "gateway": "10.1.0.254", "interface": 0}
                | ({"version": "4"} if family else {}),
                {"address": "fd00::5/64", "interface": 0} | ({"version": "6"} if family else {})],
            "routes": [route]}
    runtime.delete(c1)
    assert c1.links() == []


def test_an_absent_version_is_0_1_0(lab, weft, config):
    c1 = lab.container("c1")
    del config["cniVersion"]
    assert Libcni(config).add(c1, capabilities=one()) == {
        "cniVersion": "0.1.0", "ip4": {"ip": "10.1.0.5/24"}}


@pytest.mark.parametrize("page", ["README.md", "control/connector/README.md"])
def test_the_file_to_drop_is_what_the_page_says(lab, weft, config, tmp_path, page):
    """As libcni makes it: the plugin's object with version and name of the list."""
    text = (ROOT / page).read_text()
    begin = text.index('{"cniVersion": "1.0.0"')
    listed, _ = json.JSONDecoder().raw_decode(text[begin:])
    (plugin,) = listed["plugins"]
    own = {"socket": config["socket"], "stateDir": config["stateDir"]}
    plugin["ipam"]["dataDir"] = str(tmp_path / "leases")
    runtime = Libcni({"cniVersion": listed["cniVersion"], "name": listed["name"]} | plugin | own)
    c1 = lab.container("c1")
    result = runtime.add(c1)
    assert result["ips"][0]["address"] == "10.1.0.2/24"
    runtime.check(c1)
    runtime.delete(c1)
    assert (endpoints(weft), leased(tmp_path)) == ({}, [])


def test_add_makes_the_interface_and_nothing_else(lab, weft, config):
    c1 = lab.container("c1")
    loopback = c1.link("lo")
    runtime = Libcni(config | {
        "mtu": 1400, "gateway": ["10.1.0.254", "fd00::fe"], "routes": [{"dst": "192.0.2.0/24"}]})
    runtime.add(c1, "data7", capabilities={"ips": ["10.1.0.5/24", "fd00::5/64"]})
    link = c1.link("data7")
    assert link["mtu"] == 1400
    assert "UP" in link["flags"]
    assert {"10.1.0.5", "fd00::5"} <= {row["local"] for row in link["addr_info"]}
    assert "192.0.2.0/24 via 10.1.0.254" in c1.ip("route")
    assert "default" not in c1.ip("route")  # interface number 7: another one has the default route
    assert c1.link("lo") == loopback


def test_two_containers_talk(lab, weft, config):
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config)
    runtime.add(c1, capabilities={"ips": ["10.1.0.5/24", "fd00::5/64"]})
    runtime.add(c2, capabilities={"ips": ["10.1.0.6/24", "fd00::6/64"]})
    # At once: ADD answers when it forwards.
    ping(c1, "10.1.0.6", count=1)
    warm(c2, "fd00::5")
    runtime.delete(c2)
    runtime.delete(c1)
    assert endpoints(weft) == {}


def test_the_first_interface_has_the_default_route_in_whatever_order_they_come(lab, weft, config):
    weft.segment(name="red", encap="none")
    c1 = lab.container("c1")
    red = Libcni(config | {"name": "red", "segment": "red", "gateway": "10.2.0.254"})
    red.add(c1, "eth1", capabilities={"ips": ["10.2.0.5/24"]})
    Libcni(config | {"gateway": "10.1.0.254"}).add(c1, "eth0", capabilities=one())
    assert c1.ip("route show default").split()[:5] == ["default", "via", "10.1.0.254", "dev", "eth0"]
    assert sorted(c1.links()) == ["eth0", "eth1"]


def test_add_twice_is_refused_and_leaves_the_first_one_alone(lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases})
    runtime.add(c1)
    before = (c1.link("eth0"), leased(tmp_path), weft("config.get"))
    with pytest.raises(CniError) as refused:
        runtime.add(c1)
    assert refused.value.code == 101
    assert (c1.link("eth0"), leased(tmp_path), weft("config.get")) == before


def test_an_interface_of_somebody_else_is_refused_and_everything_is_taken_back(
        lab, weft, config, leases, tmp_path):
    c1 = lab.container("c1")
    c1.ip("link add eth0 type veth peer name other")
    with pytest.raises(CniError) as refused:
        Libcni(config | {"ipam": leases}).add(c1)
    assert "eth0" in refused.value.message
    assert sorted(c1.links()) == ["eth0", "other"]
    assert (leased(tmp_path), endpoints(weft), spooled(tmp_path)) == ([], {}, [])


@pytest.mark.parametrize("change", [
    {"segment": "green"}, {"groups": ["a b"]}, {"routes": [{"dst": "192.0.2.0/24", "gw": "203.0.113.1"}]},
    {"labels": {"a b": "c"}}])
def test_a_failed_add_leaves_nothing(lab, weft, config, leases, tmp_path, change):
    c1 = lab.container("c1")
    with pytest.raises(CniError):
        Libcni(config | {"ipam": leases} | change).add(c1)
    assert (c1.links(), leased(tmp_path), endpoints(weft), spooled(tmp_path)) == ([], [], {}, [])
    Libcni(config | {"ipam": leases}).add(c1)


def test_the_plugins_own_namespace_is_code_8_unless_it_is_allowed(weft, config):
    runtime = Libcni(config)
    variables = runtime.environment("ADD", "c1", "/proc/self/ns/net", "eth0")
    request = runtime.request(one())
    for override in ({}, {"CNI_NETNS_OVERRIDE": "0"}):
        with pytest.raises(CniError) as refused:
            call(variables | override, request).result()
        assert refused.value.code == 8
    variables["CNI_NETNS"] = f"/proc/{os.getpid()}/ns/net"
    with pytest.raises(CniError) as refused:
        call(variables, request).result()
    assert refused.value.code == 8
    for allowed in ("1", "true"):
        assert call(variables | {"CNI_NETNS_OVERRIDE": allowed}, request).result()["ips"]
        assert call(variables | {"CNI_COMMAND": "DEL"}, request).result() is None


@pytest.mark.parametrize("path", ["/run/netns/none", "/etc/passwd", "/proc/self/ns/mnt"])
def test_a_namespace_that_is_none_is_code_8(lab, weft, config, path):
    runtime = Libcni(config)
    with pytest.raises(CniError) as refused:
        call(runtime.environment("ADD", "c1", path, "eth0"), runtime.request(one())).result()
    assert refused.value.code == 8
    assert path in refused.value.message


# -- chains -------------------------------------------------------------------------------------------


def test_the_result_of_the_plugins_before_is_passed_on(lab, weft, config):
    c1 = lab.container("c1")
    before = {
        "cniVersion": "1.0.0", "interfaces": [{"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": c1.path}],
        "ips": [{"address": "127.0.0.1/8", "interface": 0}], "dns": {"nameservers": ["192.0.2.53"]},
        "somebody.else/key": [1, 2]}
    result = Libcni(config).add(c1, capabilities=one(), previous=before)
    assert result["interfaces"][0] == before["interfaces"][0]
    assert result["ips"] == [before["ips"][0], {"address": "10.1.0.5/24", "interface": 1}]
    assert result["interfaces"][1]["name"] == "eth0"
    assert result["dns"] == before["dns"]
    assert result["somebody.else/key"] == [1, 2]
    runtime = Libcni(config)
    runtime.cache["c1", "eth0"] = result
    runtime.check(c1)
