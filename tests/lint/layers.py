#!/usr/bin/python3
"""Who may include whom: the arrows between the layers.

The include root is the project's root, so the path in every #include "encap/vxlan.h" names the
layer. The table below is the architecture; the lint fails on an arrow that it does not have, on a
DPDK header below the layers that may know DPDK, and on an include of ours that names no file.
"""

import re
import sys

import tree

# Layer: the layers it may include (itself always). Longest matching folder wins.
BASE, NET, ENCAP, CLASSIFIER = "dataplane/base", "dataplane/net", "encap", "classifier"
PORT, DATAPLANE, PMD, CONTROL = "dataplane/port", "dataplane", "pmd-config", "control"
WORDS = (BASE, NET)
ARROWS = {
    BASE: (),
    NET: (BASE,),
    ENCAP: WORDS,
    CLASSIFIER: WORDS,
    # "The packet in hand": known to both who moves packets and who opens ports.
    PORT: WORDS + (ENCAP, CLASSIFIER),
    DATAPLANE: WORDS + (ENCAP, CLASSIFIER, PORT),
    PMD: WORDS + (ENCAP, CLASSIFIER, PORT),
    CONTROL: WORDS + (ENCAP, CLASSIFIER, PORT, DATAPLANE, PMD),
    "tests": WORDS + (ENCAP, CLASSIFIER, PORT, DATAPLANE, PMD, CONTROL),
    "perf": WORDS + (ENCAP, CLASSIFIER, PORT, DATAPLANE, PMD, CONTROL, "tests"),
}
MAY_USE_DPDK = (PORT, DATAPLANE, PMD, CONTROL, "tests", "perf")
# Single DPDK libraries that one file below may use, because they are pure arithmetic.
DPDK_EXCEPTIONS = {"rte_meter.h": CLASSIFIER, "rte_acl.h": CLASSIFIER}
# The CLI is a client of the socket: it links nothing but the words, and the state folder of a daemon that
# does not run.
CLI = "control/cli"
CLI_MAY = WORDS + (CLI, "control/store")
# So is the connector, which is started for every container: the words, and the CLI's client.
CONNECTOR = "control/connector"
CONNECTOR_MAY = WORDS + (CONNECTOR,)
CONNECTOR_MAY_FILES = ("control/cli/client.h",)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    """The layer of a path relative to the root, or None."""
    matching = [layer for layer in ARROWS if path.startswith(layer + "/")]
    return max(matching, key=len, default=None)


def problems_of(path, text):
    own = layer_of(path)
    if own is None:
        yield "lies in no layer"
        return
    for bracket, name in INCLUDE.findall(text):
        if name.startswith("rte_"):
            if own not in MAY_USE_DPDK and DPDK_EXCEPTIONS.get(name) != own:
                yield f"{name}: {own} knows no DPDK"
            continue
        if bracket == "<":
            continue
        target = layer_of(name)
        if target is None:
            yield f'"{name}" names no layer: includes start at the root of the project'
        elif not (tree.ROOT / name).exists():
            yield f'"{name}" does not exist'
        elif target != own and target not in ARROWS[own]:
            yield f'"{name}": {own} may not include {target}'
        elif path.startswith(CLI + "/") and not name.startswith(tuple(f"{l}/" for l in CLI_MAY)):
            yield f'"{name}": the CLI knows the socket and the state folder only'
        elif path.startswith(CONNECTOR + "/") and name not in CONNECTOR_MAY_FILES and not name.startswith(
                tuple(f"{l}/" for l in CONNECTOR_MAY)):
            yield f'"{name}": the connector knows the words and the client of the socket only'


def main():
    paths = tree.files(".h", ".cc")
    count = 0
    for path in paths:
        for problem in problems_of(tree.relative(path), path.read_text()):
            print(f"{tree.relative(path)}: {problem}")
            count += 1
    print(f"layers: {len(paths)} files, {count} wrong includes")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
