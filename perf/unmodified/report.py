"""Samples of perf/containers as a table."""

import statistics

HEADER = (
    f"{'case':<7} {'test':<14} {'system':<15} {'median':>9} {'[min-max]':>17} {'unit':<5} {'/kernel':>7} "
    f"{'busy':>5} {'weftd':>5} {'send':>5} {'recv':>5} {'ksirq':>5} {'cost':>6} {'/kernel':>7}")
REFERENCE = "kernel"
# A share of a CPU in user mode that belongs to no program of the test.
FOREIGN = 0.1


def spread(samples, key):
    values = [sample[key] for sample in samples]
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def cpu_medians(samples):
    return {
        name: statistics.median(sample["cpu"][name] for sample in samples) for name in samples[0]["cpu"]}


def rows(cell):
    """The lines of a test: each system with the figures that the test is about."""
    lines = []
    for key, unit in cell["figures"]:
        for system, samples in cell["systems"].items():
            lines.append(_row(cell, key, unit, system, samples))
    return lines


def _ratio(cell, system, key):
    reference = cell["systems"].get(REFERENCE)
    if not reference or system == REFERENCE:
        return "-"
    divisor = spread(reference, key)["median"]
    return f"{spread(cell['systems'][system], key)['median'] / divisor:.2f}" if divisor else "-"


def _row(cell, key, unit, system, samples):
    value = spread(samples, key)
    usage = cpu_medians(samples)
    name = cell["test"] if len(cell["figures"]) == 1 else f"{cell['test']} {key}"
    digits = 0 if unit == "us" else 3
    between = f"[{value['min']:.{digits}f}-{value['max']:.{digits}f}]"
    mark = "!" if any(sample["cpu"]["foreign"] > FOREIGN for sample in samples) else ""
    return (
        f"{cell['case']:<7} {name:<14} {system + mark:<15} {value['median']:9.3f} {between:>17} {unit:<5} "
        f"{_ratio(cell, system, key):>7} "
        f"{usage['busy']:5.2f} {usage['weftd']:5.2f} {usage['sender']:5.2f} {usage['receiver']:5.2f} "
        f"{usage['ksoftirqd']:5.2f} {spread(samples, 'cost')['median']:6.2f} "
        f"{_ratio(cell, system, 'cost'):>7}")


def summary(cell):
    """What the JSON file has beside the samples."""
    return {
        system: {
            **{key: spread(samples, key) for key, _ in cell["figures"]},
            "cost": spread(samples, "cost"), "cpu": cpu_medians(samples)}
        for system, samples in cell["systems"].items()}


def table(result):
    computer = result["machine"]
    lines = [HEADER]
    for cell in result["cells"]:
        lines += rows(cell)
    lines += [
        "",
        f"busy: CPUs in use on the machine, of {len(result['settings']['cpus'])}; weftd, send, recv, ksirq: "
        "CPUs that weftd, the",
        "sending and the receiving program and ksoftirqd ran on; cost: their sum per octet (ns) or packet",
        "(us), the fairer figure when other programs run.",
        "A system marked ! had such beside it (user time that is nobody's of the test).",
        f"{computer['cpu']} (family {computer['cpu_family']}), {computer['tsc_hz'] / 1e9:.2f} GHz, "
        f"{len(result['settings']['cpus'])} CPUs of {computer['cpus']}, Linux {computer['kernel']}, "
        f"load {computer['load_before']:.1f} to {computer['load_after']:.1f}",
        f"{result['date']}  {result['command']}",
        ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    ]
    lines += [f"skipped: {text}" for text in result["skipped"]]
    return "\n".join(lines)
