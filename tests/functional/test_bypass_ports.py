"""Endpoints that are no kernel interface of weftd's making: DPDK processes (dpdk-testpmd answers ARP and echo
over memif and vhost-user) and ethdevs whose far end something else has put into the container."""

import json
import shutil
import subprocess

import pytest
from harness.namespace import wait_until
from harness.rpc import RpcError
from harness.traffic import ping
from harness.worlds import inner

VDEV = {
    "memif": "net_memif0,role=client,socket-abstract=no,socket={}",
    "vhost-user": "net_virtio_user0,queues=1,queue_size=1024,path={}",
}


class Testpmd:
    """testpmd in its echo mode: an application that has its network card to itself."""

    __test__ = False

    def __init__(self, folder, vdev):
        self._log = open(folder / "testpmd.log", "wb")
        self.process = subprocess.Popen(
            ["dpdk-testpmd", "--lcores", "0@0,1@1", "--no-huge", "-m", "128", "--no-pci", "--no-shconf",
             "--no-telemetry", "--vdev", vdev, "--", "--auto-start", "--no-lsc-interrupt",
             "--forward-mode=icmpecho", "--total-num-mbufs=8192", "--stats-period=3600"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.mark.skipif(not shutil.which("dpdk-testpmd"), reason="dpdk-testpmd (dpdk-dev) is not installed")
@pytest.mark.parametrize("kind", ["memif", "vhost-user"])
def test_a_container_pings_a_dpdk_process(lab, kind):
    weft, c1 = lab.weftd(lab.host("A"), cores="0"), lab.container("c1")
    weft.segment(encap="none")
    weft.attach(c1, inner(1))
    socket = lab.folder / "app.sock"
    weft(
        "endpoint.attach", container="app", segment="blue", kind=kind, socket=str(socket),
        mac="02:00:00:00:00:0a", addresses=["10.1.0.10/24"])
    application = lab.peer(Testpmd(lab.folder, VDEV[kind].format(socket)))
    # vhost-user and memif connect in their own time.
    wait_until(lambda: ping(c1, "10.1.0.10", count=1, check=False)[0] == 1, "an echo", seconds=20)
    ping(c1, "10.1.0.10", count=5)
    application.process.kill()
    application.process.wait()
    received, _ = ping(c1, "10.1.0.10", count=2, check=False)
    assert received == 0


def test_an_ethdev_as_a_container_port(lab):
    host, c1, c2 = lab.host("A"), lab.container("c1"), lab.container("c2")
    lab.uplink_wire(host, c2)  # af_packet stands for a representor, c2's net0 for the virtual function
    c2.ip("addr add 10.1.0.2/24 dev net0")
    weft = lab.weftd(host)
    weft.segment(encap="none")
    weft.attach(c1, inner(1))
    mac = json.loads(c2.ip("-json link show net0"))[0]["address"]
    place = {"container": "c2", "segment": "blue", "kind": "ethdev", "device": "af_packet:net0"}
    for _ in range(2):
        weft("endpoint.attach", **place, mac=mac, addresses=["10.1.0.2/24"])
        ping(c1, "10.1.0.2", count=3)
        weft("endpoint.detach", container="c2")
    with pytest.raises(RpcError, match="no_such_if"):
        weft("endpoint.attach", **(place | {"device": "af_packet:no_such_if"}))
