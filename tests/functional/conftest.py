"""The `lab` fixture; the reason of every skip is in the report."""

import logging
import os
import pathlib

import pytest

from harness.lab import Lab

logging.getLogger("scapy").setLevel(logging.ERROR)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets the fixture know how the test ended, and adds the daemons' logs to a failure."""
    outcome = yield
    report = outcome.get_result()
    if call.when == "call":
        item.has_failed = report.failed
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        for daemon in lab.daemons:
            report.sections.append((f"log of {daemon.namespace.name}", daemon.log()[-6000:]))


def share():
    """(number, count) of $WEFT_TEST_SHARE, "0/2": one of two runs at the same time."""
    number, count = os.environ.get("WEFT_TEST_SHARE", "0/1").split("/")
    return int(number), int(count)


def pytest_collection_modifyitems(config, items):
    """Leaves out the other shares. Whole files, the largest first into the share that has least."""
    number, count = share()
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    shares = [[] for _ in range(count)]
    for path in sorted(files, key=lambda path: (-len(files[path]), path)):
        min(shares, key=len).extend(files[path])
    kept = set(shares[number])
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture
def lab(request, tmp_path):
    world = Lab(tmp_path)
    yield world
    world.close(has_failed=getattr(request.node, "has_failed", True))


@pytest.fixture
def weftd_exists():
    """For tests that make no sense without the daemon."""
    binary = pathlib.Path(os.environ["WEFT_BUILD"]) / "control" / "weftd"
    assert binary.exists(), f"{binary} is not built"
