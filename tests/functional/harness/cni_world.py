"""A network for the tests of weft-cni: its operator's file, and what is to be seen of it afterwards."""

import pytest


@pytest.fixture
def weft(lab):
    weft = lab.weftd(lab.host("A"))
    weft.segment(encap="none", subnets=["10.1.0.0/24", "fd00::/64"])
    return weft


@pytest.fixture
def config(weft, tmp_path):
    """A network on segment blue without IPAM."""
    return {
        "cniVersion": "1.0.0", "name": "shop", "type": "weft-cni", "segment": "blue",
        "socket": str(weft.socket_path), "stateDir": str(tmp_path / "state"), "timeout_s": 10,
        "capabilities": {"ips": True, "mac": True, "bandwidth": True, "dns": True,
                         "portMappings": True, "aliases": True}}


@pytest.fixture
def leases(tmp_path):
    """What `ipam` of host-local is; its leases are files."""
    return {
        "type": "host-local", "dataDir": str(tmp_path / "leases"),
        "ranges": [[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.200"}]]}


def leased(tmp_path, network="shop"):
    """Addresses: host-local keeps a file for each, besides its lock and what it gave last."""
    folder = tmp_path / "leases" / network
    names = sorted(file.name for file in folder.iterdir()) if folder.exists() else []
    return [name for name in names if name != "lock" and not name.startswith("last_reserved_ip")]


def endpoints(weft):
    return {row["endpoint"]: row for row in weft("endpoint.list")["endpoints"]}


def spooled(tmp_path):
    folder = tmp_path / "state" / "spool"
    return sorted(f.name for f in folder.iterdir()) if folder.exists() else []


def one(number=5):
    return {"ips": [f"10.1.0.{number}/24"]}


def slow_ipam(tmp_path, seconds):
    """An IPAM plugin that takes its time, for what happens meanwhile."""
    folder = tmp_path / "plugins"
    folder.mkdir(exist_ok=True)
    plugin = folder / "slow"
    plugin.write_text(
        "#!/bin/sh\ncat >/dev/null\n"
        f'echo "$CNI_COMMAND" >>{tmp_path}/calls\n'
        f"[ $CNI_COMMAND != ADD ] || {{ sleep {seconds}; "
        """echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.9/24"}]}'; }\n""")
    plugin.chmod(0o755)
    return str(folder)
