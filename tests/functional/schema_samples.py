"""What test_schema.py asks of the daemon and of the schemas: a state with something of everything, and
requests that together have every property of every verb."""

# -- a state with something of everything --------------------------------------------------------------

RULES = [
    {"rule": 0, "pattern": [{"item": "ipv4", "src": {"spec": "10.1.0.0", "prefix": 24}},
                            {"item": "udp", "dst": {"spec": 5000, "last": 5003}}],
     "actions": [{"action": "count"}, {"action": "meter", "mtr_id": "acme/cap"}]},
    {"rule": 4, "priority": 9, "pattern": [{"item": "eth"}], "actions": [
        {"action": "port_id", "id": "c2/eth0"}]}]
POLICY = [
    {"name": "ssh", "action": "deny", "priority": 200, "l7": "ssh"},
    {"name": "ping", "action": "allow", "protocol": "icmp", "icmp_type": 8, "class": 46, "meter": "cap"},
    {"name": "web", "action": "allow", "from": {"labels": ["app=shop", "!canary"]}, "to": {"group": "web"},
     "protocol": "tcp", "ports": "8000-8999", "ends": "receiver", "class": "af41"},
    {"name": "out", "action": "allow", "to": {"cidr": "0.0.0.0/0"}, "protocol": 47, "stateful": False}]
STATE = [
    ("qos.budget.set", {"class": "AF4", "rate": "200Mbit/s"}),
    ("port.add", {
        "name": "up0", "device": "af_packet:net0", "addresses": ["192.0.2.1/24", "2001:db8::1/64"],
        "gateways": ["192.0.2.254", "2001:db8::fe"],
        "neighbors": [{"address": "192.0.2.2", "mac": "02:00:00:00:00:f2"}], "mtu": 1500, "queues": 1}),
    ("qos.port.set", {"port": "up0", "rate": "1Gbit/s", "ef_share_percent": 20, "weights": {"AF4": 9}}),
    ("access.add", {"name": "agents", "gid": 100, "role": "tenant", "tenants": ["acme"]}),
    ("tenant.add", {"name": "acme", "quota": {"endpoints": 10, "contracts": {"AF4": "200Mbit/s"}}}),
    ("tenant.add", {"name": "lab"}),
    ("qos.meter.add", {
        "tenant": "acme", "name": "cap", "kind": "trtcm", "cir": "100Mbit/s", "cbs": 100000,
        "pir": 200000000, "pbs": 200000, "yellow": "AF42"}),
    ("qos.meter.add", {"tenant": "acme", "name": "one", "cir": "1.5 Mbit/s", "cbs": 1500}),
    ("qos.meter.add", {
        "tenant": "acme", "name": "two", "kind": "rfc4115", "cir": 8000, "cbs": 1500, "eir": 8000,
        "ebs": 1500, "yellow": 10, "red": "drop"}),
    ("tenant.set", {"name": "acme", "meter": "cap"}),
    ("l7.add", {"tenant": "acme", "name": "ssh", "patterns": [
        "ssh", "tls-sni:*.example.com", {"builtin": "dns", "protocol": "udp"},
        {"regex": "^GET /x", "direction": "to_server", "caseless": True}]}),
    ("policy.apply", {"tenant": "acme", "rules": POLICY}),
    ("segment.add", {
        "name": "blue", "tenant": "acme", "vni": 5001, "local_vtep": "192.0.2.1",
        "subnets": ["10.1.0.0/24", "fd00::/64"], "policy_default": "groups", "agents": ["192.168.0.1"]}),
    ("segment.add", {"name": "red", "tenant": "acme", "encap": "none", "mtu": 9000}),
    ("remote.add", {"segment": "blue", "vtep": "192.0.2.2", "endpoints": [{
        "mac": "02:00:00:00:00:09", "addresses": ["10.1.0.9"], "groups": ["web"],
        "labels": {"app": "db"}}]}),
    ("endpoint.attach", {
        "container": "c1", "segment": "blue", "netns": "/run/netns/c1",
        "addresses": ["10.1.0.5/24", "fd00::5/64"], "routes": [{"to": "0.0.0.0/0", "via": "10.1.0.1"}],
        "groups": ["web"], "labels": {"app": "shop", "tier": ""}, "limits": {"connections": 10},
        "qos": {"class": "pcp", "rate": "50Mbit/s", "burst": 1500, "rate_in": 8000,
                "contracts": [{"class": "AF4", "rate": "150Mbit/s"}]}}),
    ("endpoint.attach", {
        "container": "c2", "segment": "red", "netns": "/run/netns/c2", "kind": "veth",
        "qos": {"class": "LE"}}),
    ("rule.apply", {"port": "c1/eth0", "rules": RULES}),
    ("rule.create", {"port": "up0", "pattern": [{"item": "ipv6"}], "actions": [
        {"action": "mark", "id": 7}]}),
]

# -- requests that the daemon understands --------------------------------------------------------------

# Together they have every property of every verb. Whether the state allows them says nothing about a
# schema, so most are about things that do not exist, which also keeps the state as it is.
EVERY_ITEM = [
    [{"item": "eth", "dst": "01:00:5e:00:00:01", "src": {"spec": "02:00:00:00:00:00",
                                                        "mask": "ff:ff:00:00:00:00"}, "type": 2048},
     {"item": "vlan", "pcp": {"spec": 2, "last": 5}, "dei": 1, "vid": 7, "inner_type": 2048}],
    [{"item": "eth", "has_vlan": 1}, {"item": "vlan", "tci": {"spec": 5, "mask": 4095}},
     {"item": "ipv4", "tos": {"spec": 4, "prefix": 6}, "ttl": 1, "proto": 6, "src": "10.1.0.5",
      "dst": {"spec": "10.1.0.0", "mask": "255.255.0.0"}},
     {"item": "tcp", "src": 80, "dst": {"spec": 4, "last": 7}, "flags": {"mask": 2}}],
    [{"item": "ipv6", "tc": 1, "flow": 5, "proto": 17, "hop": 1, "src": "fd00::5",
      "dst": {"spec": "fd00::", "prefix": 64}},
     {"item": "udp", "src": 1, "dst": {"spec": 4789, "mask": 65535}}, {"item": "vxlan", "vni": 5}],
    [{"item": "ipv4"}, {"item": "icmp", "type": 8, "code": 0}],
    [{"item": "ipv6"}, {"item": "icmp6", "type": 128, "code": 0}],
    [{"item": "ipv4"}, {"item": "nvgre", "tni": 5}]]
EVERY_ACTION = [
    [{"action": "drop"}, {"action": "count"}, {"action": "mark", "id": 1}, {"action": "meter", "mtr_id": 0},
     {"action": "set_ipv4_dscp", "dscp_value": 1}, {"action": "set_ipv6_dscp", "dscp_value": 1}],
    [{"action": "queue", "index": 0}], [{"action": "port_id", "id": 16}],
    [{"action": "port_id", "id": "c1/eth0"}, {"action": "meter", "mtr_id": "acme/cap"}]]
PLAIN = {"pattern": [{"item": "eth"}], "actions": [{"action": "drop"}]}
MATCHES = [
    {"group": 0, "priority": 1, "ingress": True, "pattern": pattern, "actions": [{"action": "drop"}]}
    for pattern in EVERY_ITEM] + [{**PLAIN, "actions": actions} for actions in EVERY_ACTION]
RULE = {
    "name": "r", "action": "allow", "priority": 5, "from": {"group": "web"},
    "to": {"labels": ["app=web", "!old"]}, "ends": "sender", "protocol": "udp", "ports": "53",
    "stateful": True, "class": "EF", "meter": "cap", "l7": "ssh"}
PING = {"name": "r", "action": "allow", "from": {"cidr": "10.0.0.0/8"}, "to": "any", "protocol": "icmp",
        "icmp_type": 8}
QOS = {
    "class": "AF41", "rate": 8000, "burst": 1500, "rate_in": "1Gbit/s", "burst_in": 1500,
    "contracts": [{"class": "EF", "rate": "8kbit/s", "burst": 1500}]}
IDENTITY = {
    "groups": ["web"], "labels": {"app": "shop"},
    "limits": {"connections": 1, "new_connections_per_s": 1}, "qos": QOS}
ENDPOINT = {"container": "c9", "ifname": "eth9", "segment": "ghost"}
PLACED = {
    **ENDPOINT, "netns": "/run/netns/c9", "kind": "tap", "mac": "02:00:00:00:00:07",
    "addresses": ["10.1.0.7/24"], "routes": [{"to": "10.2.0.0/16", "via": "10.1.0.1"}], "mtu": 1400,
    "anti_spoofing": True, "allow_dhcp": True, **IDENTITY,
    "bum_budget": {"broadcast": 1, "multicast": 1, "unknown_unicast": 1}}
SEGMENT = {
    "name": "new", "tenant": "acme", "encap": "vxlan", "vni": 7001, "local_vtep": "198.51.100.1",
    "mtu": 1400, "dscp_mode": "fixed", "dscp": 1, "ttl": 2, "subnets": ["10.1.0.0/24"],
    "unknown_unicast": "drop", "inner_vlan": "drop", "learn": True, "fdb_limit": 1, "fdb_ageing_s": 1,
    "suppress_neighbors": True, "mss_clamp": True, "udp6_checksum": True, "policy_default": "deny",
    "agents": ["192.168.0.1"]}
LOCAL = {"name": "new", "tenant": "ghost", "encap": "none", "inner_vlan": "keep"}
NVGRE = {**SEGMENT, "encap": "nvgre"}
METER = {
    "tenant": "ghost", "name": "m", "colour_aware": True, "cir": 8000, "cbs": 1500, "yellow": "AF42",
    "red": 1}
PORT = {
    "name": "up1", "device": "af_packet:net0", "addresses": ["198.51.100.1/24"],
    "gateways": ["198.51.100.2"], "neighbors": [{"address": "198.51.100.3", "mac": "02:00:00:00:00:03"}],
    "mtu": 1500, "queues": 1}
SCHEDULER = {
    "port": "ghost", "scheduler": True, "rate": 8000, "burst": 1500, "ef_share_percent": 1,
    "weights": {"AF4": 1, "AF3": 1, "AF2": 1, "AF1": 1, "BE": 1}}
L7 = {"tenant": "acme", "name": "l", "patterns": [
    "tls", {"builtin": "http", "protocol": "tcp", "direction": "to_server"},
    {"regex": "x", "protocol": "tcp", "direction": "to_client", "caseless": True,
     "dot_matches_newline": True, "multiline": True}]}
REMOTE = {"segment": "ghost", "vtep": "192.0.2.9", "endpoints": [
    {"mac": "02:00:00:00:00:08", "addresses": ["10.1.0.8"], "groups": ["web"], "labels": {"app": "x"}}]}
EVERYTHING = {
    "access": [{"name": "new", "uid": 1, "role": "operator"}],
    "budgets": [{"class": "AF1", "rate": 8000}], "ports": [{**PORT, "name": "up0"}],
    "schedulers": [{**SCHEDULER, "port": "up0"}], "tenants": [{"name": "ghost"}],
    "meters": [METER], "tenant_settings": [{"name": "ghost", "meter": None}], "l7": [L7],
    "policies": [{"tenant": "ghost", "rules": [PING]}], "segments": [LOCAL],
    "remotes": [REMOTE], "endpoints": [PLACED], "rules": [
        {"port": "up0", "rules": [{"rule": 0, **PLAIN}]}]}
NAMED = [{"name": "ghost"}]
OWNED = [{"tenant": "ghost", "name": "ghost"}]
QUOTA = {
    "endpoints": 5, "rules": 6, "meters": 7, "l7_classes": 8,
    "contracts": {"EF": 0, "NC": 8000, "AF4": "1Gbit/s", "AF3": 8000, "AF2": 8000, "AF1": 8000}}
SAMPLES = {
    "watch": [{"events": ["attach", "learn"]}],
    "access.add": [
        {"name": "new", "uid": 1, "role": "observer"},
        {"name": "new", "gid": 1, "role": "tenant", "tenants": ["ghost"]}],
    "access.remove": NAMED,
    "audit.list": [{"limit": 1}],
    "tenant.quota": [{"name": "ghost", "quota": QUOTA}],
    "get": [{"tenant": "acme"}, {"endpoint": "c1"}],
    "plan": [
        {"document": EVERYTHING}, {"document": {}, "tenant": "acme"}, {"document": {}, "endpoint": "c1"}],
    "apply": [{"document": {}, "tenant": "acme"}, {"document": {}, "endpoint": "c1/eth0"}],
    "history": [{"limit": 1}],
    "rollback": [{"generation": 1}],
    "forwarding.set": [{"enabled": True}],
    "log.set": [{"level": "debug"}],
    "port.add": [PORT],
    "port.remove": NAMED,
    "port.set": [{"name": "ghost", "up": True}],
    "tenant.add": [{"name": "ghost", "quota": QUOTA}],
    "tenant.remove": NAMED,
    "tenant.set": [{"name": "ghost", "meter": None}, {"name": "ghost", "meter": "cap"}],
    "segment.add": [SEGMENT, LOCAL, NVGRE],
    "segment.set": [{**segment, "name": "red", "tenant": "acme"} for segment in (SEGMENT, LOCAL, NVGRE)],
    "segment.remove": NAMED,
    "remote.add": [REMOTE],
    "remote.remove": [{"segment": "ghost", "vtep": "192.0.2.9"}],
    "remote.list": [{"segment": "blue"}],
    "endpoint.attach": [
        PLACED, {**ENDPOINT, "pid": 1, "kind": "veth"}, {**ENDPOINT, "kind": "memif", "socket": "/run/m"},
        {**ENDPOINT, "kind": "vhost-user", "socket": "/run/v"},
        {**ENDPOINT, "kind": "ethdev", "device": "net_null0"}],
    "endpoint.set": [{"container": "c2", "ifname": "eth0", **IDENTITY}],
    "endpoint.detach": [{"container": "c9", "ifname": "eth9"}],
    "endpoint.list": [{"segment": "blue"}],
    "fdb.list": [{"segment": "blue"}],
    "fdb.flush": [{"segment": "blue"}],
    "policy.add": [{"tenant": "ghost", **RULE}, {"tenant": "ghost", **PING},
                   {"tenant": "ghost", "name": "r", "action": "deny", "protocol": 6, "ports": 80}],
    "policy.remove": OWNED,
    "policy.apply": [{"tenant": "ghost", "rules": [RULE, PING]}],
    "policy.list": [{"tenant": "acme"}],
    "l7.add": [L7],
    "l7.remove": OWNED,
    "l7.list": [{"tenant": "acme"}],
    "flow.list": [{"endpoint": "c1", "address": "10.1.0.1", "port": 80, "limit": 1}],
    "flow.flush": [{"endpoint": "c1"}],
    "rule.validate": [{"port": 16, **match} for match in MATCHES],
    "rule.create": [{"port": "c1/eth0", **PLAIN, "group": 0, "priority": 0, "ingress": True}],
    "rule.destroy": [{"port": 16, "rules": [77]}],
    "rule.flush": [{"port": "ghost", "group": 0}],
    "rule.apply": [{"port": "ghost", "rules": [{"rule": 1, **MATCHES[0]}]}],
    "rule.list": [{"port": 16, "group": 0}],
    "rule.query": [{"port": 16, "rule": 0, "action": "count"}],
    "qos.meter.add": [
        {**METER, "kind": "srtcm", "ebs": 0}, {**METER, "kind": "trtcm", "pir": 8000, "pbs": 1500},
        {**METER, "kind": "rfc4115", "eir": 8000, "ebs": 1500}],
    "qos.meter.remove": OWNED,
    "qos.meter.list": [{"tenant": "acme"}],
    "qos.budget.set": [{"class": "EF", "rate": 8000}, {"class": "EF", "rate": None}],
    "qos.port.set": [SCHEDULER],
    "drops.list": [{"all": True}],
}
