"""What a functional test needs: namespaces, daemons, peers, traffic and frames.

A test takes the `lab` fixture (conftest.py) and builds its own small world:

    def test_ping(lab):
        host, peer = lab.host("A"), lab.host("B")
        lab.wire(host, peer)
        weft = lab.weftd(host)
        ...

At its end the lab asserts for every daemon that no frame was lost without a reason (the conservation
law), that every buffer came back, that the log has no sanitizer report and that SIGTERM ended it
with status 0. Nothing of that needs a line in the test.
"""
