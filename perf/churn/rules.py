"""Rules as a tenant might write them: groups to groups and to prefixes, some services.

Rule number i is always the same, so sets can be compared. The first rule lets the traffic of the
measurement pass; no other one matches it.
"""

GROUPS = 64
TENANT = "acme"


def policy_rule(number):
    """A rule of policy.apply; of policy.add with a tenant."""
    kind = number % 4
    rule = {
        "name": f"r{number}", "action": "deny" if number % 7 == 0 else "allow", "priority": 100 + number % 3,
        "protocol": "tcp", "ports": 1 + number % 8192}
    if kind == 0:
        rule |= {"from": {"group": f"g{number % GROUPS}"}, "to": {"group": f"g{number // 4 % GROUPS}"}}
    elif kind == 1:
        rule |= {"from": {"group": f"g{number % GROUPS}"}, "to": {"cidr": _prefix(number, 32)}}
    elif kind == 2:
        rule |= {"from": {"cidr": _prefix(number, 24)}, "to": {"group": f"g{number % GROUPS}"}}
    else:
        rule |= {
            "from": {"labels": [f"app=a{number % 16}"]}, "to": {"cidr": _prefix(number, 28)},
            "protocol": "udp"}
    return rule


def policy_rules(count, first=0):
    passing = {
        "name": "pass", "action": "allow", "priority": 200, "from": {"group": "load"},
        "to": {"group": "load"}}
    return [passing, *(policy_rule(first + i) for i in range(count - 1))]


def _prefix(number, length):
    value = (172 << 24 | (number * 2654435761 & 0x00FFFFFF)) & ~((1 << (32 - length)) - 1)
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}/{length}"


def match_rule(number):
    """A rule of rule.apply; of rule.create with a port and without its number."""
    return {
        "rule": number, "pattern": [
            {"item": "ipv4", "dst": f"172.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"},
            {"item": "udp", "dst": 1 + number % 60000}],
        "actions": [{"action": "count"}, {"action": "drop"}]}
