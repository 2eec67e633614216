"""Rule changes per second, one by one and many at a time, while packets flow; and what these felt of it."""

import time

from . import rules
from .client import Client, line, quantile

TITLE = "rule changes per second, acknowledged, while forwarding"


def _add(name, number):
    return line("policy.add", tenant=rules.TENANT, **{**rules.policy_rule(number), "name": name})


def _remove(name):
    return line("policy.remove", tenant=rules.TENANT, name=name)


def _pairs(count, base):
    """Adds and removes in turn: the number of rules stays."""
    return [
        request for i in range((count + 1) // 2)
        for request in (_add(f"x{i}", base + i), _remove(f"x{i}"))][:count]


def run(scene, options, tell):
    rows = []
    with Client(scene.socket) as client:
        client.series([line("version")] * 50)
        calls = client.series([line("version")] * 5000)
        rows.append(_row("version (no change)", 0, 1, len(calls), sum(calls), calls))
        tell(rows[-1])
        for base in options.bases:
            _replace(client, base)
            rows += _measure_base(scene, client, base, options, tell)
        for size in options.batches:
            rows.append(_measure_apply(scene, client, size, options))
            tell(rows[-1])
        _replace(client, 1)
        rows += _match_rules(scene, client, options, tell)
    return rows


def _measure_base(scene, client, base, options, tell):
    """One by one and pipelined, on top of so many rules."""
    _, first = client.ask(_add("probe", base))
    client.ask(_remove("probe"))
    count = max(4, min(20_000, int(options.seconds / max(first, 1e-5))))
    rows = []
    requests = _pairs(count, base)
    with scene.load(options.rate) as load:
        calls = client.series(requests)
    rows.append(_row("policy.add/remove", base, 1, count, sum(calls), calls, load))
    tell(rows[-1])
    with scene.load(options.rate) as load:
        seconds = client.pipelined(requests, options.window)
    rows.append(_row("policy.add/remove", base, options.window, count, seconds, [], load))
    tell(rows[-1])
    return rows


def _measure_apply(scene, client, size, options):
    """The whole set again and again, each time with other rules but the one that the load needs."""
    lines = [
        line("policy.apply", tenant=rules.TENANT, rules=rules.policy_rules(size, first=shift * size))
        for shift in (0, 1)]
    calls = []
    with scene.load(options.rate) as load:
        end = time.monotonic() + options.seconds
        while time.monotonic() < end or len(calls) < 2:
            calls += client.series([lines[len(calls) % 2]])
    return _row("policy.apply, all differ", 0, size, size * len(calls), sum(calls), calls, load)


def _match_rules(scene, client, options, tell):
    """`flow create` and `flow destroy`, on c2's port: rules look at what c2 sends, which is nothing."""
    port = f"{scene.containers[1].name}/eth0"
    rows = []
    for base in (0, 1_000, 10_000):
        answer, _ = client.ask(
            line("rule.apply", port=port, rules=[rules.match_rule(i) for i in range(base)]))
        if "error" in answer:
            rows.append({"what": "rule.create/destroy", "base": base, "refused": answer["error"]["message"]})
            tell(rows[-1])
            continue
        body = {key: value for key, value in rules.match_rule(base).items() if key != "rule"}
        answer, first = client.ask(line("rule.create", port=port, **body))
        client.ask(line("rule.destroy", port=port, rules=[answer["result"]["rule"]]))
        count = max(4, min(10_000, int(options.seconds / max(first, 1e-5))) // 2 * 2)
        number = answer["result"]["rule"]
        requests = [
            request for _ in range(count // 2)
            for request in (
                line("rule.create", port=port, **body), line("rule.destroy", port=port, rules=[number]))]
        with scene.load(options.rate) as load:
            calls = client.series(requests)
        rows.append(_row("rule.create/destroy", base, 1, count, sum(calls), calls, load))
        tell(rows[-1])
    client.ask(line("rule.flush", port=port))
    return rows


def _replace(client, count):
    answer, _ = client.ask(line("policy.apply", tenant=rules.TENANT, rules=rules.policy_rules(count)))
    assert "result" in answer, answer


def _row(what, base, batch, changes, seconds, calls, load=None):
    row = {
        "what": what, "base": base, "batch": batch, "changes": changes, "seconds": seconds,
        "per_second": changes / seconds}
    if calls:
        row |= {"p50_ms": quantile(calls, 0.5) * 1e3, "p99_ms": quantile(calls, 0.99) * 1e3}
    if load:
        row["load"] = load
    return row


HEADER = (
    f"{'verb':<26} {'rules there':>11} {'at a time':>9} {'changes/s':>10} {'p50 ms':>9} {'p99 ms':>9} "
    f"{'load pps':>8} {'lost':>6} {'p99 us':>8} {'max us':>8}")


def text(row):
    if "refused" in row:
        return f"{row['what']:<26} {row['base']:>11} refused: {row['refused']}"
    load = row.get("load") or {}

    def number(value, digits):
        return "-" if value is None else f"{value:.{digits}f}"
    return (
        f"{row['what']:<26} {row['base']:>11} {row['batch']:>9} {row['per_second']:10.0f} "
        f"{number(row.get('p50_ms'), 3):>9} {number(row.get('p99_ms'), 3):>9} "
        f"{number(load.get('pps'), 0):>8} {number(load.get('lost'), 0):>6} "
        f"{number(load.get('p99'), 0):>8} {number(load.get('max'), 0):>8}")
