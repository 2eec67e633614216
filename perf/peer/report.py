"""Results as JSON and as a table."""

from . import rounds

MEASURES = ("mpps", "ns", "cycles", "mean_cycles")


def entry(case, entrants):
    """A case's part of the result."""
    return {
        "job": case.job.name,
        "flows": case.flows,
        "size": case.size,
        "restore": case.job.restore,
        "systems": {
            entrant.label: {
                "system": entrant.system.name,
                "mode": entrant.mode,
                **{key: rounds.summary(entrant.samples, key) for key in MEASURES},
                "faults": sorted(set(entrant.faults)),
                "rounds": [
                    {key: round(sample[key], 3) for key in MEASURES} for sample in entrant.samples],
            } for entrant in entrants
        },
    }


def name_of(case):
    return f"{case['job']} {case['flows']} {case['size']}"


def best_peer(case):
    """The label of the fastest system that is neither Weft nor the ceiling, or None."""
    peers = {
        label: row["mpps"]["median"] for label, row in case["systems"].items()
        if row["system"] not in ("weft", "testpmd") and not row["faults"]}
    return max(peers, key=peers.get) if peers else None


def void(result):
    return [
        f"{name_of(case)}: {label}: {fault}"
        for case in result["cases"] for label, row in case["systems"].items()
        for fault in row["faults"]]


def table(result):
    lines = [
        f"{'case':<28} {'system':<14} {'Mpps':>7} {'[min-max]':>15} {'ns':>7} {'cycles':>7} {'mean':>7} "
        f"{'x best peer':>11} {'x ceiling':>9} {'above it':>8}"]
    for case in result["cases"]:
        peer = best_peer(case)
        ceiling = case["systems"].get("testpmd")
        for label, row in case["systems"].items():
            lines.append(_row(case, label, row, case["systems"].get(peer), ceiling))
    computer = result["machine"]
    lines.append("")
    lines.append(
        f"{computer['cpu']} (family {computer['cpu_family']}), {computer['tsc_hz'] / 1e9:.2f} GHz, "
        f"load {computer['load_before']:.1f} to {computer['load_after']:.1f}, {result['date']}")
    lines.append(", ".join(f"{name}: {version}" for name, version in result["versions"].items()))
    lines.append(f"revision {result['revision']}, " + ", ".join(
        f"{name} {value}" for name, value in result["flags"].items() if value not in ([], "none", "off")))
    lines += [f"skipped: {name}: {why}" for name, why in result["skipped"].items()]
    lines += [f"VOID {text}" for text in void(result)]
    return "\n".join(lines)


def _row(case, label, row, peer, ceiling):
    mpps = row["mpps"]
    spread = f"[{mpps['min']:.2f}-{mpps['max']:.2f}]"
    to_peer = f"{mpps['median'] / peer['mpps']['median']:.2f}" if peer and row is not ceiling else "-"
    to_ceiling = f"{mpps['median'] / ceiling['mpps']['median']:.2f}" if ceiling else "-"
    above = f"{row['cycles']['median'] - ceiling['cycles']['median']:.0f}" if ceiling else "-"
    mark = " VOID" if row["faults"] else ""
    return (
        f"{name_of(case):<28} {label:<14} {mpps['median']:7.2f} {spread:>15} {row['ns']['median']:7.1f} "
        f"{row['cycles']['median']:7.1f} {row['mean_cycles']['median']:7.1f} {to_peer:>11} {to_ceiling:>9} "
        f"{above:>8}{mark}")
