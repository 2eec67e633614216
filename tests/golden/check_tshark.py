#!/usr/bin/python3
"""Does another dissector like what Weft sends? transmit.pcap holds, octet for octet, what write_outer
produces (transmit_golden_test.cc); tshark must decode every packet of it down to the inner frame, without
an expert warning, with all checksums verified. Exit status 77 without tshark.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PCAP = HERE / "transmit.pcap"
OPTIONS = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE",
           # RFC 6935 allows it; tshark by default goes by RFC 8200 alone.
           "udp.ignore_ipv6_zero_checksum:TRUE"]
WARNING = 6 << 20  # PI_WARN: 0x600000; errors are above


def tshark(*arguments):
    command = ["tshark", "-n", "-r", str(PCAP), "-d", "udp.port==8472,vxlan"]
    for option in OPTIONS:
        command += ["-o", option]
    return subprocess.run(command + list(arguments), check=True, capture_output=True, text=True).stdout


def main():
    if shutil.which("tshark") is None:
        print("SKIP: tshark is not installed")
        return 77
    rows = json.loads((HERE / "transmit.json").read_text())

    complaints = tshark("-Y", f"_ws.expert.severity >= {WARNING}", "-T", "fields", "-e", "frame.number",
                        "-e", "_ws.expert.message").splitlines()
    for complaint in complaints:
        number, _, message = complaint.partition("\t")
        print(f"{rows[int(number) - 1]['name']}: {message}")

    fields = tshark("-T", "fields", "-e", "frame.protocols", "-e", "vxlan.vni", "-e", "gre.key")
    wrong = 0
    seen = collections.Counter()
    for row, line in zip(rows, fields.splitlines(), strict=True):
        protocols, vni, key = line.split("\t")
        if row["kind"] == "vxlan":
            is_right = ":vxlan:eth" in protocols and int(vni) == row["vni"]
        else:
            is_right = ":gre:eth" in protocols and int(key, 0) >> 8 == row["vni"]
        if not is_right:
            print(f"{row['name']}: decoded as {line!r}")
            wrong += 1
        seen[row["kind"]] += 1
    print(f"tshark decoded {dict(seen)} packets: {len(complaints)} warnings, {wrong} wrong")
    return 1 if complaints or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
