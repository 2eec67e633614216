"""What a worker feels of churn: it must never wait for control.

The worker polls (--idle poll), so it has no reason of its own to give up its CPU: a voluntary context
switch would be a wait. Involuntary ones and "runnable, not running" are other programs on its CPU,
which also lengthen its longest iteration. That maximum is since start (no verb clears it), so the
quiet phase is first.
"""

import re
import time

from . import rules
from .client import Client, line

TITLE = "the worker during churn (--idle poll)"
RULES = 1_000


def run(scene, options, tell):
    rows = []
    with Client(scene.socket) as client:
        answer, _ = client.ask(
            line("policy.apply", tenant=rules.TENANT, rules=rules.policy_rules(RULES)))
        assert "result" in answer, answer
        for what, act in (("quiet", _sleep), ("churn", _churn)):
            before = _worker(scene)
            with scene.load(options.rate) as load:
                changes = act(client, options.seconds * 2)
            rows.append({"what": what, "changes": changes, **_since(_worker(scene), before), "load": load})
            tell(rows[-1])
    return rows


def _sleep(client, seconds):
    del client
    time.sleep(seconds)
    return 0


def _churn(client, seconds):
    """All kinds of changes in turn, as fast as they are answered."""
    end = time.monotonic() + seconds
    applied = [
        line("policy.apply", tenant=rules.TENANT, rules=rules.policy_rules(RULES, first=shift * RULES))
        for shift in (0, 1)]
    requests = [
        line("policy.add", tenant=rules.TENANT, **rules.policy_rule(RULES * 3)),
        line("endpoint.set", container="nobody"), *applied,
        line("tenant.add", name="passing"),
        line("segment.add", name="passing", tenant="passing", encap="none"),
        line("segment.remove", name="passing"), line("tenant.remove", name="passing"), line("flow.flush")]
    changes = 0
    while time.monotonic() < end:
        for request in requests:
            client.ask(request)
            changes += 1
    return changes


def _worker(scene):
    task = scene.worker_task()
    status = (task / "status").read_text()
    ran, waited, _ = (int(word) for word in (task / "schedstat").read_text().split())
    listed = scene.weft("worker.list")["workers"][0]
    return {
        "voluntary": int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M).group(1)),
        "involuntary": int(re.search(r"^nonvoluntary_ctxt_switches:\s*(\d+)", status, re.M).group(1)),
        "ran_ms": ran / 1e6, "preempted_ms": waited / 1e6, "iterations": listed["iterations"],
        "longest_iteration_us": listed["longest_iteration_us"]}


def _since(after, before):
    moved = {key: after[key] - before[key] for key in after}
    moved["longest_iteration_us"] = after["longest_iteration_us"]
    return moved


HEADER = (
    f"{'phase':<6} {'requests':>8} {'waits':>6} {'preempted':>9} {'for ms':>8} {'iterations':>11} "
    f"{'longest us':>10} {'load pps':>8} {'lost':>6} {'p50 us':>7} {'p99 us':>8} {'max us':>8}")


def text(row):
    load = row["load"]
    return (
        f"{row['what']:<6} {row['changes']:>8} {row['voluntary']:>6} {row['involuntary']:>9} "
        f"{row['preempted_ms']:8.1f} {row['iterations']:>11} {row['longest_iteration_us']:>10.1f} "
        f"{load['pps']:8.0f} {load['lost']:>6} {load['p50']:7.1f} {load['p99']:8.1f} {load['max']:8.1f}")
