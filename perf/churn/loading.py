"""Time to load very many rules, and what is refused and how."""

from peer.machine import Trouble

from . import memory, rules
from .client import Client, line

TITLE = "loading rules: 100,000, the limit of a tenant, above it, and 1,000,000 over several tenants"
LIMIT = 200_000  # of a tenant: control/README.md, policy.apply


def run(scene, options, tell):
    del options
    rows = []
    for count in (1_000, 10_000, 100_000, LIMIT, LIMIT + 1, 1_000_000):
        with Client(scene.socket) as client:
            rows.append(_load(scene, client, rules.TENANT, count))
        tell(rows[-1])
        with Client(scene.socket) as client:  # a line that is too long closes its connection
            client.ask(line("policy.apply", tenant=rules.TENANT, rules=[]))
    with Client(scene.socket) as client:
        rows.append(_load_many(scene, client))
    tell(rows[-1])
    return rows


def _load_many(scene, client):
    """The limit of a tenant, for several tenants."""
    tenants = [f"tenant{number}" for number in range(1_000_000 // LIMIT)]
    seconds = 0
    for tenant in tenants:
        client.series([
            line("tenant.add", name=tenant),
            line("segment.add", name=f"of-{tenant}", tenant=tenant, encap="none")])
        row = _load(scene, client, tenant, LIMIT)
        if "refused" in row:
            raise Trouble(row["refused"])
        seconds += row["seconds"]
    resident = memory.read(scene.pid)["without_pool"]
    for tenant in tenants:
        client.series([
            line("segment.remove", name=f"of-{tenant}"), line("policy.apply", tenant=tenant, rules=[]),
            line("tenant.remove", name=tenant)])
    return {
        "rules": LIMIT * len(tenants), "tenants": len(tenants), "seconds": seconds,
        "resident_mib": resident / 2**20}


def _load(scene, client, tenant, count):
    request = line("policy.apply", tenant=tenant, rules=rules.policy_rules(count))
    row = {"rules": count, "tenants": 1, "mib_on_the_wire": len(request) / 2**20}
    try:
        answer, seconds = client.ask(request)
    except (OSError, Trouble) as error:
        # The daemon closes the connection after it refused a line that is too long.
        return row | {"refused": f"connection closed: {error}"}
    if "error" in answer:
        return row | {"refused": answer["error"]["message"]}
    return row | {"seconds": seconds, "resident_mib": memory.read(scene.pid)["without_pool"] / 2**20}


HEADER = f"{'rules':>9} {'tenants':>7} {'MiB sent':>8} {'seconds':>8} {'rules/s':>9} {'resident MiB':>12}"


def text(row):
    sent = f"{row['mib_on_the_wire']:.1f}" if "mib_on_the_wire" in row else "-"
    start = f"{row['rules']:>9} {row['tenants']:>7} {sent:>8}"
    if "refused" in row:
        return f"{start} refused: {row['refused']}"
    return f"{start} {row['seconds']:8.2f} {row['rules'] / row['seconds']:9.0f} {row['resident_mib']:12.1f}"
