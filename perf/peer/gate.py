"""The harness's side of the gate: the file that starts, stops and meters replay devices.

Layout and meaning: perf/replay/gate.h.
"""

import dataclasses
import mmap
import os
import struct
import time

MAGIC = 0x3145544147544657
DEVICES, QUEUES = 8, 16
HEADER = 64
GRID = DEVICES * QUEUES * 2 * 64
SAMPLE = 256
CHUNKS, CHUNK_UNIT = 4096, 16
LOG = 64 + 4 * CHUNKS
OCTETS = HEADER + GRID + DEVICES * (SAMPLE + LOG)
RUN, CHECK, SAMPLE_REQUEST = 8, 12, 16  # offsets in the header


@dataclasses.dataclass
class Reading:
    """Sums over the queues of a device, of one direction."""
    frames: int = 0
    octets: int = 0
    bursts: int = 0
    strange: int = 0
    no_mbuf: int = 0
    altered: int = 0
    checked: int = 0

    def since(self, before):
        return Reading(*(
            getattr(self, field.name) - getattr(before, field.name)
            for field in dataclasses.fields(Reading)))


class Gate:
    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", MAGIC))
            file.truncate(OCTETS)
        descriptor = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(descriptor, OCTETS)
        os.close(descriptor)

    def open(self, device):
        """Lets this device receive, and no other."""
        self._write(RUN, 1 << device)

    def shut(self):
        self._write(RUN, 0)

    def received(self, device):
        return self._sum(device, 0)

    def sent(self, device):
        return self._sum(device, 1)

    def check(self, device, seconds=5):
        """Lets the device compare its frames with the pcap: (altered, checked), or None.

        The gate must be shut.
        """
        wanted = self._raise(CHECK)
        line = self._line(device, 0, 0)
        end = time.monotonic() + seconds
        while struct.unpack_from("<I", self._map, line + 56)[0] != wanted:
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        reading = self.received(device)
        return reading.altered, reading.checked

    def sample(self, device, seconds=5):
        """The next frame that the device is sent: (first octets, length), or None."""
        wanted = self._raise(SAMPLE_REQUEST)
        place = HEADER + GRID + device * SAMPLE
        end = time.monotonic() + seconds
        while struct.unpack_from("<I", self._map, place + 4)[0] != wanted:
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        length = struct.unpack_from("<I", self._map, place + 8)[0]
        return bytes(self._map[place + 12:place + SAMPLE])[:length], length

    def chunks(self, device):
        """How many chunks the device has logged, ever."""
        return struct.unpack_from("<Q", self._map, self._log(device))[0]

    def chunk_cycles(self, device, since):
        """Cycles per frame of the chunks logged since `chunks()` was `since`, as far as they are kept."""
        last = self.chunks(device)
        first = max(since, last - CHUNKS + 1)
        entries = struct.unpack_from(f"<{CHUNKS}I", self._map, self._log(device) + 64)
        return [entries[number % CHUNKS] / CHUNK_UNIT for number in range(first, last)]

    def close(self):
        self._map.close()

    def _write(self, offset, value):
        struct.pack_into("<I", self._map, offset, value)

    def _raise(self, offset):
        value = struct.unpack_from("<I", self._map, offset)[0] + 1
        self._write(offset, value)
        return value

    @staticmethod
    def _log(device):
        return HEADER + GRID + DEVICES * SAMPLE + device * LOG

    @staticmethod
    def _line(device, queue, direction):
        return HEADER + ((device * QUEUES + queue) * 2 + direction) * 64

    def _sum(self, device, direction):
        sums = [0] * 7
        for queue in range(QUEUES):
            line = struct.unpack_from("<7Q", self._map, self._line(device, queue, direction))
            sums = [a + b for a, b in zip(sums, line)]
        return Reading(*sums)
