"""What perf/containers and perf/control share: a machine of their own, containers, traffic, CPU time.

The networks are made with tests/functional/harness; whatever is started ends with the script, because
the script runs as the first process of its own namespaces (isolation.py).
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
for folder in (ROOT / "tests" / "functional", ROOT / "perf"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
