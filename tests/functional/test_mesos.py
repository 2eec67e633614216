"""weft-cni as Mesos' `network/cni` isolator calls it (harness/cni.py: MesosAgent)."""

import json
import time

import pytest
from harness.cni import CniError, MesosAgent
from harness.cni_world import endpoints, leased, slow_ipam, spooled
from harness.namespace import wait_until
from harness.traffic import ping, warm

ID = "9f1c0a52-1d5b-4a0e-8a58-0f3f2b1f9c11"


@pytest.fixture
def weft(lab):
    weft = lab.weftd(lab.host("A"))
    weft.segment(encap="none", subnets=["10.1.0.0/24", "fd00::/64"], policy_default="groups")
    weft.segment(name="red", encap="none", subnets=["10.2.0.0/24"])
    return weft


@pytest.fixture
def networks(weft, tmp_path):
    """What the operator has in --network_cni_config_dir: no cniVersion, no ipam, no list of plugins."""
    common = {
        "type": "weft-cni", "socket": str(weft.socket_path), "stateDir": str(tmp_path / "state"),
        "timeout_s": 10}
    pool = {"type": "host-local", "dataDir": str(tmp_path / "leases"), "ranges": [
        [{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10"}],
        [{"subnet": "fd00::/64", "rangeStart": "fd00::10"}]]}
    return [
        common | {"name": "blue", "gateway": "10.1.0.254", "dns": {"nameservers": ["10.1.0.53"]}},
        common | {"name": "red", "gateway": "10.2.0.254"},
        common | {"name": "pool", "segment": "blue", "ipam": pool}]


@pytest.fixture
def agent(networks, tmp_path):
    return MesosAgent(networks, tmp_path)


def explicit(name, *addresses, **more):
    # The agent prints "IPv4" beside every explicit address.
    listed = [{"ip_address": address, "protocol": "IPv4"} for address in addresses]
    return {"name": name, "ip_addresses": listed} | more


def test_the_agent_reads_the_result(lab, weft, agent):
    c1 = lab.container("c1")
    infos = [explicit("blue", "10.1.0.5", "fd00::5")]
    assert agent.launch(ID, c1.path, infos) == [
        {"ip4": "10.1.0.5", "ip6": "fd00::5/64", "dns": {"nameservers": ["10.1.0.53"]}}]
    assert "default via 10.1.0.254 dev eth0" in c1.ip("route")
    agent.destroy(ID, infos, c1.path)
    assert (c1.links(), endpoints(weft)) == ([], {})


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_the_agent_reads_the_result_of_every_version(lab, weft, networks, tmp_path, version):
    agent = MesosAgent([networks[0] | {"cniVersion": version}], tmp_path)
    c1 = lab.container("c1")
    assert agent.launch(ID, c1.path, [explicit("blue", "10.1.0.5")])[0]["ip4"] == "10.1.0.5"


def test_all_networks_of_a_container_at_once(lab, weft, networks, tmp_path):
    for number in range(2, 4):
        weft.segment(name=f"net{number}", encap="none", subnets=[f"10.{number + 1}.0.0/24"])
        networks.append(networks[0] | {
            "name": f"net{number}", "gateway": f"10.{number + 1}.0.254"})
    agent = MesosAgent(networks, tmp_path)
    infos = [
        explicit("red", "10.2.0.5"), explicit("blue", "10.1.0.5"), explicit("net2", "10.3.0.5"),
        explicit("net3", "10.4.0.5")]
    for attempt in range(5):
        container_id = f"{ID}.{attempt}"
        container = lab.container(f"c{attempt}")
        seen = agent.launch(container_id, container.path, infos)
        assert [row["ip4"] for row in seen] == ["10.2.0.5", "10.1.0.5", "10.3.0.5", "10.4.0.5"]
        assert sorted(container.links()) == ["eth0", "eth1", "eth2", "eth3"]
        # The order of network_infos decides, not who came first.
        assert container.ip("route show default").split()[:5] == [
            "default", "via", "10.2.0.254", "dev", "eth0"]
        agent.destroy(container_id, infos, container.path)
        assert (container.links(), endpoints(weft)) == ([], {})


def test_a_reboot_leaves_no_namespace(lab, weft, agent, tmp_path):
    c1 = lab.container("c1")
    infos = [{"name": "pool"}, explicit("red", "10.2.0.5")]
    agent.launch(ID, c1.path, infos)
    assert leased(tmp_path, "pool") == ["10.1.0.10", "fd00::10"]
    c1.delete()
    agent.destroy(ID, infos)
    agent.destroy(ID, infos)
    assert (endpoints(weft), leased(tmp_path, "pool")) == ({}, [])


def test_the_agent_is_never_held_up_by_a_daemon_that_is_down(lab, weft, agent, tmp_path):
    c1, c2 = lab.container("c1"), lab.container("c2")
    infos = [explicit("blue", "10.1.0.5"), explicit("red", "10.2.0.5")]
    agent.launch(ID, c1.path, infos)
    hidden = weft.socket_path.with_suffix(".hidden")
    weft.socket_path.rename(hidden)
    begin = time.monotonic()
    agent.destroy(ID, infos, c1.path)
    assert time.monotonic() - begin < 2
    assert spooled(tmp_path) == [f"{ID}:eth0.json", f"{ID}:eth1.json"]
    hidden.rename(weft.socket_path)
    agent.launch(f"{ID}.2", c2.path, [explicit("blue", "10.1.0.5")])
    assert (list(endpoints(weft)), spooled(tmp_path)) == ([f"{ID}.2/eth0"], [])


def test_addresses_that_any_will_do_come_from_the_pool(lab, weft, agent, networks, tmp_path):
    c1, c2, c3 = (lab.container(name) for name in ("c1", "c2", "c3"))
    either = {"name": "pool", "ip_addresses": [{"protocol": "IPv4"}, {"protocol": "IPv6"}]}
    assert agent.launch("a", c1.path, [either]) == [{"ip4": "10.1.0.10", "ip6": "fd00::10/64"}]
    exact = explicit("pool", "10.1.0.99", "fd00::99")
    assert agent.launch("b", c2.path, [exact]) == [{"ip4": "10.1.0.99", "ip6": "fd00::99/64"}]
    with pytest.raises(CniError):
        agent.launch("c", c3.path, [explicit("pool", "10.1.0.99")])
    with pytest.raises(CniError) as refused:
        agent.launch("c", c3.path, [either | {"name": "blue"}])
    assert refused.value.code == 103
    agent.destroy("c", [explicit("pool", "10.1.0.99")], c3.path)
    # A pool without IPv6.
    del networks[2]["ipam"]["ranges"][1]
    with pytest.raises(CniError) as refused:
        MesosAgent(networks, tmp_path).launch("d", c3.path, [either])
    assert "IPv6" in refused.value.message
    assert c3.links() == []
    assert leased(tmp_path, "pool") == ["10.1.0.10", "10.1.0.99", "fd00::10", "fd00::99"]


def test_who_shares_a_group_may_talk(lab, weft, agent):
    c1, c2, c3 = (lab.container(name) for name in ("c1", "c2", "c3"))
    agent.launch("a", c1.path, [explicit("blue", "10.1.0.1", groups=["star-1"])])
    agent.launch("b", c2.path, [explicit("blue", "10.1.0.2", groups=["star-2", "star-1"])])
    agent.launch("c", c3.path, [explicit("blue", "10.1.0.3", groups=["star-2"])])
    warm(c1, "10.1.0.2")
    warm(c3, "10.1.0.2")
    assert c1.run("ping", "-c", "1", "-W", "1", "10.1.0.3", check=False).returncode != 0
    ping(c2, "10.1.0.3", count=1)


def test_labels_and_port_mappings(lab, weft, agent):
    c1 = lab.container("c1")
    labels = {"labels": [{"key": "app", "value": "web"}, {"key": "novalue"}]}
    agent.launch("a", c1.path, [explicit("blue", "10.1.0.1", labels=labels)])
    assert endpoints(weft)["a/eth0"]["labels"] == {
        "app": "web", "novalue": "", "weft.cni/network": "blue"}
    mapped = explicit("red", "10.2.0.1", port_mappings=[
        {"container_port": 80, "host_port": 8080, "protocol": "udp"}])
    with pytest.raises(CniError) as refused:
        agent.launch("b", lab.container("c2").path, [mapped])
    assert refused.value.code == 2
    assert "port_mappings" in refused.value.message


@pytest.mark.parametrize("forged", [
    {"key": "weft.cni/network", "value": "red"}, {"key": "weft.cni/scope", "value": "x"}])
def test_a_framework_does_not_choose_its_tenant(lab, weft, agent, forged):
    c1 = lab.container("c1")
    with pytest.raises(CniError):
        agent.launch("a", c1.path, [explicit("blue", "10.1.0.1", labels={"labels": [forged]})])
    others = {"labels": [{"key": "segment", "value": "red"}, {"key": "tenant", "value": "other"}]}
    agent.launch("a", c1.path, [explicit("blue", "10.1.0.1", labels=others)])
    row = endpoints(weft)["a/eth0"]
    assert (row["segment"], row["tenant"]) == ("blue", "acme")


def test_a_del_cancels_the_add_that_the_agent_forgot(lab, weft, networks, tmp_path):
    """The agent crashed during ADD; the plugin lives on while the restarted agent sends a DEL."""
    c1 = lab.container("c1")
    agent = MesosAgent([networks[0] | {"ipam": {"type": "slow"}}], tmp_path)
    info = {"name": "blue"}
    config = agent.networks["blue"] | {
        "args": {"org.apache.mesos": {"network_info": info}}}
    path = agent.checkpoint(ID, "blue")
    path.write_text(json.dumps(config))
    variables = agent.environment("ADD", ID, c1.path, "eth0")
    variables["CNI_PATH"] = slow_ipam(tmp_path, 1)
    adding = agent._start(variables, path)
    wait_until(lambda: (tmp_path / "calls").exists(), "the IPAM plugin runs")
    agent.destroy(ID, [info], c1.path)
    out, err = adding.communicate(timeout=20)
    assert (adding.returncode, json.loads(out)["code"]) == (1, 102), err
    assert (c1.links(), endpoints(weft)) == ([], {})
