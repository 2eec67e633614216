"""What a runtime may ask of weft-cni for one container: addresses and capabilities."""

import pytest
from harness.cni import CniError, Libcni
from harness.cni_world import config, endpoints, leased, leases, one, weft  # noqa: F401
from harness.traffic import warm

VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


# -- addresses ----------------------------------------------------------------------------------------


def test_host_local_leases_and_gets_back(lab, weft, config, leases, tmp_path):
    c1, c2 = lab.container("c1"), lab.container("c2")
    leases["ranges"].append([{"subnet": "fd00::/64", "rangeStart": "fd00::10", "rangeEnd": "fd00::ff"}])
    leases["routes"] = [{"dst": "0.0.0.0/0"}]
    runtime = Libcni(config | {"ipam": leases})
    result = runtime.add(c1)
    assert [row["address"] for row in result["ips"]] == ["10.1.0.10/24", "fd00::10/64"]
    assert result["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}]
    assert "default via 10.1.0.1 dev eth0" in c1.ip("route")
    runtime.add(c2)
    assert len(leased(tmp_path)) == 4
    warm(c1, "10.1.0.11")
    runtime.check(c1)
    runtime.delete(c1)
    runtime.delete(c2)
    assert leased(tmp_path) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_host_local_is_asked_in_a_version_that_it_knows(lab, weft, config, leases, tmp_path, version):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"ipam": leases, "cniVersion": version})
    result = runtime.add(c1)
    found = result["ip4"]["ip"] if version < "0.3.0" else result["ips"][0]["address"]
    assert (found, result["cniVersion"]) == ("10.1.0.10/24", version)
    runtime.delete(c1)
    assert leased(tmp_path) == []


def test_an_exhausted_pool_is_the_plugins_own_error(lab, weft, config, leases):
    leases["ranges"][0][0] |= {"rangeEnd": "10.1.0.10"}
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config | {"ipam": leases})
    runtime.add(c1)
    with pytest.raises(CniError) as refused:
        runtime.add(c2)
    assert refused.value.code == 11 or refused.value.code >= 100
    assert "host-local" in refused.value.message
    assert c2.links() == []
    runtime.delete(c1)
    runtime.add(c2)


def test_the_addresses_that_are_asked_for_or_an_error(lab, weft, config, leases, tmp_path):
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config | {"ipam": leases})
    result = runtime.add(c1, capabilities={"ips": ["10.1.0.77"]})
    assert [row["address"] for row in result["ips"]] == ["10.1.0.77/24"]
    with pytest.raises(CniError):
        runtime.add(c2, capabilities={"ips": ["10.1.0.77"]})
    with pytest.raises(CniError):
        runtime.add(c2, capabilities={"ips": ["10.9.0.1"]})
    assert leased(tmp_path) == ["10.1.0.77"]
    assert c2.links() == []


def test_the_same_address_without_a_pool_is_refused_naming_its_holder(lab, weft, config):
    c1, c2 = lab.container("c1"), lab.container("c2")
    runtime = Libcni(config)
    runtime.add(c1, capabilities=one())
    with pytest.raises(CniError) as refused:
        runtime.add(c2, capabilities=one())
    assert refused.value.code == 101
    assert "c1/eth0" in refused.value.message


def test_an_address_without_a_length_has_that_of_its_subnet(lab, weft, config):
    c1, c2 = lab.container("c1"), lab.container("c2")
    result = Libcni(config).add(c1, capabilities={"ips": ["10.1.0.5", "fd00::5"]})
    assert [row["address"] for row in result["ips"]] == ["10.1.0.5/24", "fd00::5/64"]
    with pytest.raises(CniError) as refused:
        Libcni(config).add(c2, capabilities={"ips": ["10.7.0.5"]})
    assert "10.7.0.5" in refused.value.message


def test_who_asks_for_addresses_comes_before_whom(lab, weft, config):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"addresses": ["10.1.0.1/24"]})
    mesos = {"org.apache.mesos": {"network_info": {"ip_addresses": [{"ip_address": "10.1.0.2/24"}]}}}
    cni = {"cni": {"ips": ["10.1.0.3/24"]}}
    asked = [
        ({}, "10.1.0.1/24"),
        ({"cni_args": "IP=10.1.0.4/24"}, "10.1.0.4/24"),
        ({"cni_args": "IP=10.1.0.4/24", "args": mesos}, "10.1.0.2/24"),
        ({"cni_args": "IP=10.1.0.4/24", "args": mesos | cni}, "10.1.0.3/24"),
        ({"cni_args": "IP=10.1.0.4/24", "args": mesos | cni, "capabilities": one()}, "10.1.0.5/24")]
    for more, address in asked:
        assert [row["address"] for row in runtime.add(c1, **more)["ips"]] == [address]
        runtime.delete(c1)


def test_no_address_at_all_is_an_error_that_says_where_one_may_come_from(lab, weft, config):
    with pytest.raises(CniError) as refused:
        Libcni(config).add(lab.container("c1"))
    assert refused.value.code == 103
    assert all(word in refused.value.message for word in ("ipam", "ips", "ip_addresses"))


# -- capabilities -------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [
    ("ingressRate", "ingressBurst", "egressRate", "egressBurst"),
    ("IngressRate", "IngressBurst", "EgressRate", "EgressBurst")])
def test_bandwidth_in_bits_in_both_spellings(lab, weft, config, keys):
    c1 = lab.container("c1")
    numbers = dict(zip(keys, (8_000_000, 800_000, 4_000_000, 400_000), strict=True))
    runtime = Libcni(config)
    runtime.add(c1, capabilities=one() | {"bandwidth": numbers})
    qos = endpoints(weft)["c1/eth0"]["qos"]
    assert (qos["rate_in"], qos["burst_in"], qos["rate"], qos["burst"]) == (
        8_000_000, 100_000, 4_000_000, 50_000)


def test_bandwidth_of_nothing_is_no_limit(lab, weft, config):
    numbers = dict.fromkeys(("ingressRate", "ingressBurst", "egressRate", "egressBurst"), 0)
    Libcni(config).add(lab.container("c1"), capabilities=one() | {"bandwidth": numbers})
    qos = endpoints(weft)["c1/eth0"]["qos"]
    assert (qos["rate"], qos["rate_in"]) == (0, 0)


def test_mac_and_dns(lab, weft, config):
    c1 = lab.container("c1")
    result = Libcni(config).add(c1, capabilities=one() | {
        "mac": "02:aa:bb:cc:dd:77",
        "dns": {"Servers": ["10.1.0.53"], "Searches": ["shop.example"], "Options": None}})
    assert c1.mac("eth0") == "02:aa:bb:cc:dd:77"
    assert result["dns"] == {"nameservers": ["10.1.0.53"], "search": ["shop.example"]}


def test_port_mappings_are_refused_and_an_empty_list_is_none(lab, weft, config):
    c1 = lab.container("c1")
    runtime = Libcni(config)
    for mappings in ([], None):
        runtime.add(c1, capabilities=one() | {"portMappings": mappings, "aliases": ["web"]})
        runtime.delete(c1)
    for mapping in (
            {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
            {"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}):
        with pytest.raises(CniError) as refused:
            runtime.add(c1, capabilities=one() | {"portMappings": [mapping]})
        assert refused.value.code == 2
        assert "portMappings" in refused.value.message and "8080" in refused.value.message
    # Not declared: it does not reach the plugin.
    del config["capabilities"]["portMappings"]
    Libcni(config).add(c1, capabilities=one() | {"portMappings": [mapping]})


def test_args_of_kubernetes_are_ignored_because_they_say_so(lab, weft, config):
    c1 = lab.container("c1")
    args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-1;K8S_POD_UID=7"
    with pytest.raises(CniError) as refused:
        Libcni(config).add(c1, capabilities=one(), cni_args=args)
    assert refused.value.code == 4
    Libcni(config).add(c1, capabilities=one(), cni_args="IgnoreUnknown=1;" + args)


def test_labels_of_others_never_pass_for_the_operators(lab, weft, config):
    c1 = lab.container("c1")
    runtime = Libcni(config | {"labels": {"tier": "gold"}, "groups": ["web"]})
    asked = {"cni": {"labels": [{"key": "tier", "value": "free"}, {"key": "app", "value": "shop"}]}}
    runtime.add(c1, capabilities=one(), args=asked)
    row = endpoints(weft)["c1/eth0"]
    assert row["labels"] == {"tier": "gold", "app": "shop", "weft.cni/network": "shop"}
    assert row["groups"] == ["web"]
    c2 = lab.container("c2")
    asked = {"cni": {"labels": [{"key": "weft.cni/network", "value": "other"}]}}
    with pytest.raises(CniError) as refused:
        runtime.add(c2, capabilities=one(6), args=asked)
    assert "weft.cni/network" in refused.value.message
