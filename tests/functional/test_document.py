"""The state as one document: get, plan, apply, batches, and the CLI's words for them."""

import copy
import json
import os
import pathlib
import subprocess

import pytest
from harness.rpc import RpcError
from harness.traffic import ping, warm
from harness.worlds import weft_and_weft


def weft(daemon, *words, text=None, status=0):
    """The CLI; its standard output."""
    binary = pathlib.Path(os.environ["WEFT_BUILD"]) / "control" / "cli" / "weft"
    done = subprocess.run(
        [binary, "--socket", daemon.socket_path, *words], input=text, capture_output=True, text=True,
        check=False, timeout=60)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def batch(daemon, *requests):
    daemon.rpc.send_line([
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(requests)])
    return daemon.rpc.read_line()


def test_what_get_says_applied_again_is_no_change(lab, tmp_path):
    world = weft_and_weft(lab, "vxlan")
    before = world.weft("get")
    assert world.weft("apply", document=before["document"])["changes"] == []
    assert weft(world.weft, "apply", "-f", "-", text=weft(world.weft, "get")).startswith("no change")
    file = tmp_path / "state.json"
    file.write_text(weft(world.weft, "get", "tenant", "acme"))
    said = weft(world.weft, "plan", "-f", file, "tenant", "acme")
    assert said.startswith("no change\n")
    ping(world.c1, "10.1.0.2")


def test_a_document_moves_the_network_to_another_encapsulation_under_traffic(lab):
    world = weft_and_weft(lab, "vxlan")
    for daemon in (world.weft, world.peer_weft):
        document = daemon("get")["document"]
        document["segments"][0] |= {"encap": "nvgre", "vni": 7001}
        said = weft(daemon, "plan", "-f", "-", text=json.dumps(document))
        assert said.splitlines()[0] == "~   segments blue: encap vni"
        weft(daemon, "apply", "-f", "-", text=json.dumps(document))
        assert weft(daemon, "plan", "-f", "-", text=json.dumps(document)).startswith("no change")
    warm(world.c1, "10.1.0.2", seconds=10)
    ping(world.c1, "10.1.0.2")


def test_a_container_gets_another_address_by_document(lab):
    world = weft_and_weft(lab, "vxlan")
    document = world.weft("get")["document"]
    document["endpoints"][0]["addresses"] = ["10.1.0.77/24"]
    said = weft(world.weft, "apply", "-f", "-", text=json.dumps(document))
    assert said.splitlines()[0] == "-/+ endpoints c1/eth0: addresses"
    assert world.weft("endpoint.list")["endpoints"][0]["state"] == "up"
    ping(world.c1, "10.1.0.2")
    ping(world.c2, "10.1.0.77")


def test_an_endpoints_part_changes_that_endpoint_only(lab):
    world = weft_and_weft(lab, "vxlan")
    before = world.weft("get")["document"]
    part = json.loads(weft(world.weft, "get", "endpoint", "c1"))
    assert list(part) == ["endpoints", "rules"]
    part["endpoints"][0]["groups"] = ["web"]
    said = weft(world.weft, "apply", "-f", "-", "endpoint", "c1", text=json.dumps(part))
    assert said.splitlines()[0] == "~   endpoints c1/eth0: groups"
    after = world.weft("get")["document"]
    before["endpoints"][0]["groups"] = ["web"]
    assert after == before
    said = weft(world.weft, "apply", "-f", "-", "endpoint", "c1",
                text=json.dumps({"segments": []}), status=1)
    assert "document.segments: is no endpoint's to say" in said
    ping(world.c1, "10.1.0.2")


def test_a_document_that_is_refused_changes_nothing(lab):
    world = weft_and_weft(lab, "vxlan")
    before = world.weft("get")
    document = copy.deepcopy(before["document"])
    document["endpoints"][0]["addresses"] = ["10.1.0.77/24"]
    document["segments"].append({"name": "red", "tenant": "acme", "encap": "none"})
    document["endpoints"].append(
        {"container": "ghost", "segment": "red", "netns": "/run/netns/nowhere"})
    with pytest.raises(RpcError) as refusal:
        world.weft("apply", document=document)
    assert refusal.value.code == -32005 and "/run/netns/nowhere" in refusal.value.message
    assert refusal.value.message.startswith("endpoints[1]: endpoint ghost/eth0")
    assert world.weft("get")["document"] == before["document"]
    assert world.c1.links() == ["eth0"]
    warm(world.c1, "10.1.0.2", seconds=10)
    ping(world.c1, "10.1.0.2")
    said = weft(world.weft, "apply", "-f", "-", text='{"segmets": []}', status=1)
    assert "segmets" in said
    assert "is not a JSON object" in weft(world.weft, "apply", "-f", "-", text="[", status=2)


def test_a_batch_is_in_force_together_or_not_at_all(lab):
    host, c1, c2 = lab.host("A"), lab.container("c1"), lab.container("c2")
    daemon = lab.weftd(host)

    def attach(container, address):
        return "endpoint.attach", {
            "container": container.name, "netns": container.path, "segment": "blue",
            "addresses": [address]}
    network = (
        ("tenant.add", {"name": "acme"}),
        ("segment.add", {"name": "blue", "tenant": "acme", "encap": "none"}),
        attach(c1, "10.1.0.1/24"))
    refused = batch(daemon, *network, attach(c2, "10.1.0.1/24"))
    assert [answer["error"]["code"] for answer in refused] == [-32007, -32007, -32007, -32003]
    assert daemon("tenant.list")["tenants"] == [] and daemon("port.list")["ports"] == []
    accepted = batch(daemon, *network, attach(c2, "10.1.0.2/24"))
    assert len({answer["result"]["generation"] for answer in accepted}) == 1
    ping(c1, "10.1.0.2")


def test_everything_goes_with_an_empty_document(lab):
    world = weft_and_weft(lab, "vxlan")
    nothing = {section: [] for section in world.weft("get")["document"]}
    weft(world.weft, "apply", "-f", "-", text=json.dumps(nothing))
    assert world.weft("get")["document"] == nothing
    assert world.weft("port.list")["ports"] == []
    world.weft.assert_level()
