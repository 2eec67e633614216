"""Measuring: every system gets its turn in every round, on the same core, one at a time."""

import dataclasses
import statistics
import time

from . import frames, machine


@dataclasses.dataclass
class Entrant:
    """A system in one of its modes."""
    system: object
    mode: str
    samples: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)

    @property
    def label(self):
        return f"{self.system.name}-{self.mode}" if self.mode else self.system.name


def measure(systems, case, setup, tell):
    """Runs all rounds and returns the entrants with their samples."""
    entrants = [Entrant(system, mode) for system in systems for mode in system.modes]
    for number in range(setup.rounds):
        for entrant in entrants:
            _take_turn(entrant, case, setup, is_first=number == 0)
            last = entrant.samples[-1]
            tell(f"  round {number + 1} {entrant.label:<14} {last['mpps']:8.2f} Mpps "
                 f"{last['cycles']:8.1f} cycles")
    return entrants


def _take_turn(entrant, case, setup, is_first):
    system, gate = entrant.system, entrant.system.gate
    source, sink = case.job.source, 1 - case.job.source
    system.thaw()
    try:
        system.set_mode(entrant.mode)
        start = gate.received(source), gate.sent(sink)
        # At first caches, flow tables and slow paths fill; each flow must have been seen.
        _receive(system, source, case.flows * (2 if is_first else 1))
        if case.job.is_stateful:
            # A connection is one when both have spoken: Open vSwitch takes UDP for new until then.
            _receive(system, sink, case.flows)
            gate.open(source)
        time.sleep(setup.warm_up * (3 if is_first else 1))
        entrant.samples.append(_steady_sample(system, source, sink, setup.seconds))
        sample = gate.sample(sink)
        gate.shut()
        checked = _drain(gate, source, sink)
        done = gate.received(source).since(start[0]), gate.sent(sink).since(start[1])
        entrant.faults += _faults(system, case, *done, sample)
        entrant.faults += _alterations(case, checked)
        system.assert_alive()
    finally:
        gate.shut()
        system.freeze()


def _receive(system, device, count):
    """Lets the device, and no other, receive at least so many frames."""
    before = system.gate.received(device).frames
    system.gate.open(device)

    def have_come():
        system.assert_alive()
        return system.gate.received(device).frames - before >= count
    machine.wait_until(have_come, f"{system.name} receives {count} frames", seconds=120)


# Below this share of the core a sample says more about the other programs than about this one.
LEAST_SHARE = 0.2
PATIENCE = 120  # seconds


def _steady_sample(system, source, sink, seconds):
    thread = system.data_thread()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        sample = _sample(system.gate, source, sink, thread, seconds)
        if sample and sample["share_of_core"] >= LEAST_SHARE:
            return sample
    raise machine.Trouble(
        f"{system.name} did not get {LEAST_SHARE:.0%} of core {system.setup.core} within {PATIENCE} s: "
        "other programs are in the way")


def _sample(gate, source, sink, thread, seconds):
    """One measurement, or None if nothing moved.

    `cycles` is the median over chunks of some hundred frames, each timed by the device: what a frame
    costs while nothing else has the core. `mean_cycles` counts everything that the polling thread ran,
    with cold caches after each interruption and whatever it does now and then.
    """
    received, sent = gate.received(source), gate.sent(sink)
    ran, wall = machine.cpu_nanoseconds(thread), time.monotonic_ns()
    chunks = _collect_chunks(gate, source, seconds)
    received, sent = gate.received(source).since(received), gate.sent(sink).since(sent)
    ran, wall = machine.cpu_nanoseconds(thread) - ran, time.monotonic_ns() - wall
    if received.frames == 0 or not chunks:
        return None
    hertz = machine.tsc_hz()
    cycles = statistics.median(chunks)
    return {
        "cycles": cycles,
        "ns": cycles / hertz * 1e9,
        "mpps": hertz / cycles / 1e6,
        "mean_cycles": ran / received.frames * hertz / 1e9,
        "chunks": len(chunks),
        "share_of_core": ran / wall,
        "burst": received.frames / max(received.bursts, 1),
        "received": received.frames,
        "sent": sent.frames,
        "refilled": received.strange,
        "freed": sent.strange,
        "load": machine.load(),
    }


def _collect_chunks(gate, device, seconds):
    chunks = []
    end = time.monotonic() + seconds
    seen = gate.chunks(device)
    while time.monotonic() < end:
        time.sleep(0.05)
        chunks += gate.chunk_cycles(device, seen)
        seen = gate.chunks(device)
    return chunks


def _drain(gate, source, sink, seconds=1.0):
    """The gate is shut: waits until what was received is sent. Returns the device's check."""
    # Who polls again has carried out what it polled before.
    gate.check(source)
    checked = gate.check(source)
    end = time.monotonic() + seconds
    while gate.received(source).frames > gate.sent(sink).frames and time.monotonic() < end:
        time.sleep(0.05)
    return checked


# A host on the uplink says something of its own now and then: ARP announcements.
MOST_OWN_FRAMES = 20
MOST_OWN_OCTETS = 128


def _faults(system, case, received, sent, sample):
    """Why a turn does not count: frames lost, or not what they should be."""
    overhead = 0 if system.is_ceiling else case.job.overhead
    own = sent.frames - received.frames
    if not 0 <= own <= MOST_OWN_FRAMES:
        return [f"{received.frames} frames received, {sent.frames} sent; lost so far: {system.losses()}"]
    faults = []
    own_octets = sent.octets - received.octets - received.frames * overhead
    if not own * 42 <= own_octets <= own * MOST_OWN_OCTETS:
        faults.append(f"the frames sent are {own_octets} octets longer than they should be")
    if sample is None:
        faults.append("no frame could be looked at")
    elif not system.is_ceiling:
        if wrong := frames.complaint_about(case, *sample):
            faults.append(f"a sent frame: {wrong}")
    return faults


def _alterations(case, checked):
    if case.job.restore or case.flows > case.MOST_RESIDENT:
        return []  # they are written anew each time
    if checked is None:
        return ["the replay device did not check its frames"]
    altered, count = checked
    if altered:
        return [f"{altered} of {count} frames were written into, but the job restores nothing"]
    return []


def summary(samples, key):
    values = [sample[key] for sample in samples]
    return {
        "median": round(statistics.median(values), 3), "min": round(min(values), 3),
        "max": round(max(values), 3)}
