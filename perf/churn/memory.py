"""What a process holds, the packet pool apart."""

import pathlib
import re

# DPDK's memory in the mode without hugepages is one memfd; hugepages are not resident memory at all.
_POOL = re.compile(r"nohuge|hugetlb|anon_hugepage|/dev/hugepages|rtemap")


def read(pid):
    """Octets: resident, shared with other processes (libraries), private, and without the packet pool."""
    sums = {"resident": 0, "private": 0, "pool": 0}
    in_pool = False
    for text in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", text):
            in_pool = bool(_POOL.search(text))
            continue
        name, value = text.split(":", 1)
        if name == "Rss":
            sums["pool" if in_pool else "resident"] += _octets(value)
        elif name in ("Private_Clean", "Private_Dirty") and not in_pool:
            sums["private"] += _octets(value)
    return {
        "without_pool": sums["resident"], "private": sums["private"],
        "shared": sums["resident"] - sums["private"], "pool": sums["pool"]}


def largest(pid, count=8):
    """The largest mappings besides the pool: [(octets, name)]."""
    found = {}
    name = ""
    for text in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", text):
            words = text.split(None, 5)
            name = words[5] if len(words) > 5 else "anonymous"
        elif text.startswith("Rss:") and not _POOL.search(name):
            found[name] = found.get(name, 0) + _octets(text.split(":", 1)[1])
    return sorted(((size, name) for name, size in found.items()), reverse=True)[:count]


def _octets(value):
    return int(value.split()[0]) * 1024
