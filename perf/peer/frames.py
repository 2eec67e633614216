"""The traffic: frames of many flows, bare or inside a tunnel, as pcap files.

One container (LOCAL) speaks UDP with many hosts (10.2.0.0/16) behind one MAC on the other side of a
tunnel, flow i with host i modulo their number; ports tell the rest apart. Each flow has one frame. Who
answers uses one of 16 service ports, who asks any other: the container asks in what leaves it, and
answers in what arrives.
"""

import struct

LOCAL_MAC = "02:00:00:00:00:01"
LOCAL_IP = "10.1.0.1"
REMOTE_MAC = "02:00:00:00:00:02"
FIRST_SERVICE, SERVICES = 5008, 16  # ports: a range that is also a mask, 0x1390/0xfff0
UPLINK_MAC = "02:00:00:00:ff:00"  # what the driver gives net_replay0
LOCAL_VTEP = "192.0.2.1"
REMOTE_VTEP = "192.0.2.2"
REMOTE_VTEP_MAC = "02:00:00:00:02:02"
NETWORK_ID = 5001  # VNI or VSID
VXLAN_PORT = 4789

# Octets of Ethernet frames, without FCS. The longest IMIX frame fits a tunnel over 1,500 octets.
CLASS = 34  # AF41: what rules with a class give
SIZES = {"64": (64,), "imix": (64,) * 7 + (594,) * 4 + (1464,)}
OVERHEAD = {"vxlan": 50, "nvgre": 42}  # octets that a tunnel over IPv4 adds


def host_ip(host):
    return f"10.2.{host // 250}.{host % 250 + 1}"


def flow_ports(flow, hosts):
    """(of who asks, of who answers), UDP."""
    turn = flow // hosts
    return 10000 + turn // SERVICES, FIRST_SERVICE + turn % SERVICES


def mac_octets(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_octets(text):
    return bytes(map(int, text.split(".")))


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ipv4(source, destination, protocol, payload):
    def header(value):
        return struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, value, source,
            destination)
    return header(checksum(header(0))) + payload


def udp(source, destination, payload):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload  # no checksum


def inner_frame(flow, hosts, size, is_outbound, is_answer=False):
    """The frame of a flow as the container sends or gets it."""
    source = (mac_octets(LOCAL_MAC), ip_octets(LOCAL_IP))
    target = (mac_octets(REMOTE_MAC), ip_octets(host_ip(flow % hosts)))
    if not is_outbound:
        source, target = target, source
    ports = flow_ports(flow, hosts)[::-1 if is_answer else 1]
    packet = ipv4(source[1], target[1], 17, udp(*ports, bytes(size - 42)))
    return target[0] + source[0] + b"\x08\x00" + packet


def entropy(flow):
    """What a tunnel's sender derives from the flow: 14 bits."""
    return (flow * 0x9E3779B1 >> 12) & 0x3FFF


def tunnelled(encap, flow, inner):
    """The frame as the other VTEP sends it to this host."""
    if encap == "vxlan":
        header = struct.pack(">II", 0x08000000, NETWORK_ID << 8)
        protocol, payload = 17, udp(0xC000 | entropy(flow), VXLAN_PORT, header + inner)
    else:
        header = struct.pack(">HHI", 0x2000, 0x6558, NETWORK_ID << 8 | entropy(flow) & 0xFF)
        protocol, payload = 47, header + inner
    packet = ipv4(ip_octets(REMOTE_VTEP), ip_octets(LOCAL_VTEP), protocol, payload)
    return mac_octets(UPLINK_MAC) + mac_octets(REMOTE_VTEP_MAC) + b"\x08\x00" + packet


def make(case, are_answers=False):
    """The frames of a case (jobs.py), one per flow; or one answer to each."""
    sizes = SIZES[case.size]
    is_outbound = case.job.is_outbound != are_answers
    for flow in range(case.flows):
        inner = inner_frame(flow, case.job.hosts, sizes[flow % len(sizes)], is_outbound, are_answers)
        yield inner if is_outbound else tunnelled(case.job.encap, flow, inner)


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def complaint_about(case, sample, length):
    """What is wrong with a frame that a system sent for this case, or None.

    `sample`: its first octets; `length`: of all of it. The frame belongs to any of the flows.
    """
    job = case.job
    if job.is_outbound and job.encap:
        if sample[:14] != mac_octets(REMOTE_VTEP_MAC) + mac_octets(UPLINK_MAC) + b"\x08\x00":
            return f"its Ethernet header is {sample[:14].hex()}"
        if sample[26:34] != ip_octets(LOCAL_VTEP) + ip_octets(REMOTE_VTEP):
            return f"its outer addresses are {sample[26:34].hex()}"
        if struct.unpack(">H", sample[16:18])[0] + 14 != length:
            return "the outer length is not that of the frame"
        if checksum(sample[14:34]):
            return "the outer header's checksum is wrong"
        wrong = _complaint_about_tunnel(job.encap, sample)
        if wrong:
            return wrong
        sample, length = sample[OVERHEAD[job.encap]:], length - OVERHEAD[job.encap]
    ends = mac_octets(REMOTE_MAC) + mac_octets(LOCAL_MAC)
    if sample[:12] != (ends if job.is_outbound else ends[6:] + ends[:6]):
        return f"its inner MACs are {sample[:12].hex()}"
    if struct.unpack(">H", sample[16:18])[0] + 14 != length or checksum(sample[14:34]):
        return "the inner IP header is damaged"
    if job.is_stateful and sample[15] >> 2 != CLASS:
        return f"its inner DSCP is {sample[15] >> 2}, not {CLASS}"
    return None


def _complaint_about_tunnel(encap, sample):
    if encap == "vxlan":
        port, header = struct.unpack(">H", sample[36:38])[0], sample[42:50]
        if sample[23] != 17 or port != VXLAN_PORT or header[0] != 8:
            return f"it is not VXLAN: {sample[23:50].hex()}"
        network = int.from_bytes(header[4:7], "big")
    else:
        if sample[23] != 47 or sample[34:38] != b"\x20\x00\x65\x58":
            return f"it is not NVGRE: {sample[23:42].hex()}"
        network = int.from_bytes(sample[38:41], "big")
    return None if network == NETWORK_ID else f"its network is {network}"
