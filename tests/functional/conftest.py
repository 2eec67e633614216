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
