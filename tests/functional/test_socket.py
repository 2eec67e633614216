"""The control socket against clients that are careless, broken or hostile."""

import json
import os
import socket
import stat

import pytest
from harness.namespace import wait_until
from harness.rpc import Rpc, RpcError


@pytest.fixture
def weft(lab):
    return lab.weftd(lab.host("A"))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_only_the_owner_and_its_group_may_connect(weft):
    assert stat.S_IMODE(os.stat(weft.socket_path).st_mode) == 0o660


def error_for(weft, line):
    rpc = Rpc(weft.socket_path)
    rpc.send_line(line)
    answer = rpc.read_line()
    rpc.close()
    return answer["error"]["code"], answer["error"]["message"]


@pytest.mark.parametrize("line, code", [
    (b"hello\n", -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"version"\n', -32700),
    (b"\xff\xfe\n", -32700),
    (b"5\n", -32600),
    (b"[]\n", -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"version"}\n', -32600),
    (b'{"jsonrpc":"2.0","id":1}\n', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":5}\n', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"make.coffee"}\n', -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"version","params":{"colour":1}}\n', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tenant.add"}\n', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":""}}\n', -32602),
], ids=lambda value: value.decode(errors="replace")[:40].strip() if isinstance(value, bytes) else value)
def test_a_bad_line_is_answered_with_its_error(weft, line, code):
    found, message = error_for(weft, line)
    assert found == code and message
    weft("version")


def test_a_line_of_a_hundred_thousand_brackets_is_an_error_and_no_stack_overflow(weft):
    for brackets in (b"[" * 100000, b"[" * 50000 + b"]" * 50000, b'{"a":' * 50000):
        assert error_for(weft, brackets + b"\n")[0] in (-32700, -32600)
    weft("version")


def test_the_connection_survives_a_bad_line(weft):
    rpc = Rpc(weft.socket_path)
    rpc.send_line(b"hello\n")
    assert rpc.read_line()["error"]["code"] == -32700
    assert rpc("version")["protocol"] == 1
    rpc.close()


def test_half_a_line_waits_and_is_forgotten_when_the_client_leaves(weft):
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(str(weft.socket_path))
        half.sendall(b'{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"ghost"}}')
        weft("version")
    assert weft("tenant.list")["tenants"] == []


def test_a_request_in_many_pieces_is_one_request(weft):
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(weft.socket_path))
        for octet in json.dumps({"jsonrpc": "2.0", "id": 1, "method": "version"}).encode() + b"\n":
            slow.sendall(bytes([octet]))
        assert b'"protocol"' in slow.recv(4096)


def test_an_oversized_line_is_refused_and_the_client_cut_off(weft):
    with socket.socket(socket.AF_UNIX) as big:
        big.settimeout(20)
        big.connect(str(weft.socket_path))
        try:
            big.sendall(b"x" * (2 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while piece := big.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    if answer:
        assert "error" in json.loads(answer)
    weft("version")


def test_a_client_that_never_reads_costs_bounded_memory_and_stops_nobody(weft):
    before = resident_kib(weft.pid())
    request = b'{"jsonrpc":"2.0","id":1,"method":"drops.list","params":{"all":true}}\n'
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(weft.socket_path))
        deaf.settimeout(1)
        try:
            for _ in range(2000):
                deaf.sendall(request * 20)
        except OSError:
            pass  # cut off or not read any more: both are bounded
        weft("version")
        assert resident_kib(weft.pid()) < before + 64 * 1024


def test_a_hundred_clients_are_served(weft):
    clients = [Rpc(weft.socket_path) for _ in range(100)]
    assert all(client("version")["protocol"] == 1 for client in clients)
    for client in clients:
        client.close()
    weft("version")


def test_clients_that_come_and_go_leave_no_descriptor(weft):
    def count():
        return len(os.listdir(f"/proc/{weft.pid()}/fd"))
    before = count()
    for _ in range(200):
        Rpc(weft.socket_path).close()
    wait_until(lambda: count() <= before, "descriptors of closed clients are closed")


def test_pipelined_requests_are_answered_in_order(weft):
    rpc = Rpc(weft.socket_path)
    rpc.send_line(b"".join(
        json.dumps({"jsonrpc": "2.0", "id": n, "method": "version"}).encode() + b"\n"
        for n in range(200)))
    assert [rpc.read_line()["id"] for _ in range(200)] == list(range(200))
    rpc.close()


def test_an_error_names_the_field_the_value_and_the_limit(weft):
    weft("tenant.add", name="acme")
    with pytest.raises(RpcError) as refused:
        weft("segment.add", name="b", tenant="acme", encap="vxlan", vni=1 << 24, local_vtep="192.0.2.1")
    assert refused.value.field == "vni"
    assert "16777216" in refused.value.message and "16777215" in refused.value.message


def test_adding_the_same_again_is_no_error_and_adding_something_else_is(weft):
    for _ in range(2):
        weft("tenant.add", name="acme")
        weft("segment.add", name="b", tenant="acme", encap="none")
    with pytest.raises(RpcError) as refused:
        weft("segment.add", name="b", tenant="acme", encap="none", learn=False)
    assert refused.value.code == -32002
