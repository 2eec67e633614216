#!/usr/bin/python3
"""Writes underlay_golden.h: frames made by scapy, as a second opinion on underlay_frames.cc.

    /usr/bin/python3 control/underlay_golden.py > control/underlay_golden.h

"us" is the VTEP 192.0.2.1, 2001:db8::1 at 02:00:00:00:00:01; "peer" is .2, ::2 at ...:02.
"""
from scapy.all import (ARP, GRE, IP, IPv6, ICMP, UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                       ICMPv6PacketTooBig, Raw)

US, PEER, MOVED = ('02:00:00:00:00:%02x' % n for n in (1, 2, 3))
US4, PEER4, US6, PEER6 = '192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'
US6_GROUP, US6_GROUP_MAC = 'ff02::1:ff00:1', '33:33:ff:00:00:01'
PEER6_GROUP, PEER6_GROUP_MAC = 'ff02::1:ff00:2', '33:33:ff:00:00:02'
ALL, ALL_MAC, BROADCAST = 'ff02::1', '33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff'
LINK_LOCAL = 'fe80::ff:fe00:1'
ROUTER4, ROUTER6 = '192.0.2.254', '2001:db8::fe'


def arp(dst, op, smac, sip, tmac, tip):
    return Ether(dst=dst, src=smac) / ARP(op=op, hwsrc=smac, psrc=sip, hwdst=tmac, pdst=tip)


def ns(dst_mac, dst, src, target, option=True, hlim=255):
    frame = Ether(dst=dst_mac, src=PEER if src != US6 else US)
    frame /= IPv6(src=src, dst=dst, hlim=hlim) / ICMPv6ND_NS(tgt=target)
    return frame / ICMPv6NDOptSrcLLAddr(lladdr=frame.src) if option else frame


def na(mac, dst_mac, target, dst, s, o, option=True):
    frame = Ether(dst=dst_mac, src=mac) / IPv6(src=target, dst=dst, hlim=255)
    frame /= ICMPv6ND_NA(tgt=target, R=0, S=s, O=o)
    return frame / ICMPv6NDOptDstLLAddr(lladdr=mac) if option else frame


def quoted4(destination, proto=None):
    inner = proto or UDP(sport=50000, dport=4789)
    return IP(src=US4, dst=destination, flags='DF', ttl=63) / inner / Raw(b'\x08' + b'\0' * 40)


def frag_needed(mtu, destination='198.51.100.7', proto=None):
    # Linux and routers fill next-hop MTU in the low 16 bits; scapy calls it nexthopmtu.
    return (Ether(dst=US, src=PEER) / IP(src=ROUTER4, dst=US4) /
            ICMP(type=3, code=4, nexthopmtu=mtu) / quoted4(destination, proto))


def too_big(mtu, destination='2001:db8:1::7'):
    return (Ether(dst=US, src=PEER) / IPv6(src=ROUTER6, dst=US6) / ICMPv6PacketTooBig(mtu=mtu) /
            IPv6(src=US6, dst=destination) / UDP(sport=50000, dport=4789) / Raw(b'\x08' + b'\0' * 40))


ZERO = '00:00:00:00:00:00'
PING = Raw(bytes(range(56)))
FRAMES = {
    # What arrives.
    'ArpRequestToUs': arp(BROADCAST, 1, PEER, PEER4, ZERO, US4),
    'ArpRequestToOther': arp(BROADCAST, 1, PEER, PEER4, ZERO, '192.0.2.77'),
    'ArpReplyToUs': arp(US, 2, PEER, PEER4, US, US4),
    'ArpReplyMoved': arp(US, 2, MOVED, PEER4, US, US4),
    'ArpGratuitousMoved': arp(BROADCAST, 1, MOVED, PEER4, ZERO, PEER4),
    'ArpConflict': arp(BROADCAST, 1, PEER, US4, ZERO, US4),
    'SolicitToUs': ns(US6_GROUP_MAC, US6_GROUP, PEER6, US6),
    'SolicitUnicastNoOption': ns(US, US6, PEER6, US6, option=False),
    'SolicitLinkLocal': ns('33:33:ff:00:00:01', US6_GROUP, PEER6, LINK_LOCAL),
    'SolicitRouted': ns(US6_GROUP_MAC, US6_GROUP, PEER6, US6, hlim=254),
    'SolicitDuplicate': ns(US6_GROUP_MAC, US6_GROUP, '::', US6, option=False),
    'SolicitDuplicateWithOption': ns(US6_GROUP_MAC, US6_GROUP, '::', US6),
    'AdvertToUs': na(PEER, US, PEER6, US6, 1, 1),
    'AdvertNoOption': na(PEER, US, PEER6, US6, 1, 0, option=False),
    'AdvertMovedNoOverride': na(MOVED, US, PEER6, US6, 1, 0),
    'AdvertMovedUnsolicited': na(MOVED, ALL_MAC, PEER6, ALL, 0, 1),
    'AdvertMulticastSolicited': na(PEER, ALL_MAC, PEER6, ALL, 1, 1),
    'AdvertConflict': na(PEER, ALL_MAC, US6, ALL, 0, 1),
    'Echo4': Ether(dst=US, src=PEER) / IP(src=PEER4, dst=US4, id=7, tos=0x28) /
             ICMP(id=0x1234, seq=9) / PING,
    'Echo4Broadcast': Ether(dst=BROADCAST, src=PEER) / IP(src=PEER4, dst=US4) / ICMP() / PING,
    'Echo4FromMulticast': Ether(dst=US, src=PEER) / IP(src='224.0.0.5', dst=US4) / ICMP() / PING,
    'Echo4Fragment': Ether(dst=US, src=PEER) / IP(src=PEER4, dst=US4, flags='MF') / ICMP() / PING,
    'Echo4Tagged': Ether(dst=US, src=PEER, type=0x8100) / Raw(b'\0\x05\x08\0') /
                   IP(src=PEER4, dst=US4) / ICMP() / PING,
    'Echo6': Ether(dst=US, src=PEER) / IPv6(src=PEER6, dst=US6, tc=0x28) /
             ICMPv6EchoRequest(id=0x1234, seq=9, data=bytes(range(56))),
    'Echo6LinkLocal': Ether(dst=US, src=PEER) / IPv6(src='fe80::2', dst=LINK_LOCAL) /
                      ICMPv6EchoRequest(id=1, seq=2, data=b'x'),
    'FragNeeded1400': frag_needed(1400),
    'FragNeeded1300': frag_needed(1300),
    'FragNeeded1450': frag_needed(1450),
    'FragNeeded100': frag_needed(100),
    'FragNeededNoMtu': frag_needed(0),
    'FragNeededGre': frag_needed(1400, '198.51.100.9', GRE(key_present=1, key=5001, proto=0x6558)),
    'FragNeededTcpIcmp': frag_needed(1400, '198.51.100.9', ICMP()),
    'TooBig1400': too_big(1400),
    'TooBig1000': too_big(1000),
    # What we answer or ask.
    'OurArpReply': arp(PEER, 2, US, US4, PEER, PEER4),
    'OurArpRequest': arp(BROADCAST, 1, US, US4, ZERO, PEER4),
    'OurArpRequestUnicast': arp(PEER, 1, US, US4, ZERO, PEER4),
    'OurArpAnnouncement': arp(BROADCAST, 1, US, US4, ZERO, US4),
    'OurSolicit': ns(PEER6_GROUP_MAC, PEER6_GROUP, US6, PEER6),
    'OurSolicitUnicast': ns(PEER, PEER6, US6, PEER6),
    'OurAdvert': na(US, PEER, US6, PEER6, 1, 1),
    'OurAdvertLinkLocal': na(US, PEER, LINK_LOCAL, PEER6, 1, 1),
    'OurAdvertToAll': na(US, ALL_MAC, US6, ALL, 0, 1),
    'OurEcho4Reply': Ether(dst=PEER, src=US) / IP(src=US4, dst=PEER4, id=0, flags='DF', tos=0x28) /
                     ICMP(type=0, id=0x1234, seq=9) / PING,
    'OurEcho6Reply': Ether(dst=PEER, src=US) / IPv6(src=US6, dst=PEER6, tc=0x28, hlim=64) /
                     ICMPv6EchoReply(id=0x1234, seq=9, data=bytes(range(56))),
    'OurEcho6LinkLocalReply': Ether(dst=PEER, src=US) / IPv6(src=LINK_LOCAL, dst='fe80::2', hlim=64) /
                              ICMPv6EchoReply(id=1, seq=2, data=b'x'),
}

print('// Frames made by scapy: written by underlay_golden.py, do not edit.')
print('#pragma once\n\n#include <cstdint>\n#include <vector>\n')
print('// clang-format off\nnamespace weft::control::golden {\n')
for name, frame in FRAMES.items():
    octets = bytes(frame).ljust(60, b'\0')
    print(f'inline const std::vector<std::uint8_t> k{name}{{')
    for at in range(0, len(octets), 16):
        print('    ' + ' '.join(f'0x{o:02x},' for o in octets[at:at + 16]))
    print('};')
print('\n}  // namespace weft::control::golden\n// clang-format on')
