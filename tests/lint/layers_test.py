#!/usr/bin/python3
"""The layering lint finds what it should: a lint that finds nothing proves nothing."""

import sys

import layers

CASES = [
    ("encap/vxlan.h", '#include "dataplane/net/addr.h"', 0),
    ("encap/vxlan.h", '#include "classifier/budget.h"', 1),
    ("encap/vxlan.h", "#include <rte_mbuf.h>", 1),
    ("classifier/policer.cc", "#include <rte_meter.h>", 0),
    ("dataplane/worker.cc", '#include "dataplane/port/port.h"', 0),
    ("pmd-config/tap_port.cc", '#include "dataplane/port/port.h"', 0),
    ("pmd-config/tap_port.cc", '#include "dataplane/snapshot.h"', 1),
    ("dataplane/base/bytes.h", '#include "dataplane/net/addr.h"', 1),
    ("dataplane/port/port.h", '#include "dataplane/snapshot.h"', 1),
    ("dataplane/worker.cc", '#include "worker.h"', 1),
    ("dataplane/worker.cc", '#include "dataplane/no_such_file.h"', 1),
    ("control/connector/add.cc", '#include "control/cli/client.h"', 0),
    ("control/connector/add.cc", '#include "dataplane/net/addr.h"', 0),
    ("control/connector/add.cc", '#include "control/failure.h"', 1),
    ("stray/file.cc", "#include <vector>", 1),
]

failed = 0
for path, text, expected in CASES:
    found = list(layers.problems_of(path, text))
    if len(found) != expected:
        print(f"{path}: {text}: expected {expected} problems, found {found}")
        failed += 1
sys.exit(1 if failed else 0)
