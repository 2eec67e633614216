"""What a stage found: one Result per test case, read from the reports that the tools write.

Counted is the smallest thing with a name: a GoogleTest case, a pytest case, a lint, a build. A test
that did not run is never passed: it is skipped with its reason, or failed.
"""

import dataclasses
import enum
import json
import pathlib
import xml.etree.ElementTree as ElementTree

MESON_SKIP = "SKIP"


class Outcome(enum.Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class Result:
    name: str
    outcome: Outcome
    reason: str = ""


def passed(name):
    return Result(name, Outcome.PASSED)


def unsteady(name, reason):
    """Passed, but not at the first attempt, which failed for `reason`."""
    return Result(name, Outcome.PASSED, one_line(reason))


def failed(name, reason=""):
    return Result(name, Outcome.FAILED, one_line(reason))


def skipped(name, reason):
    return Result(name, Outcome.SKIPPED, one_line(reason))


def one_line(text, limit=160):
    """The first line that says something."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[0][:limit] if lines else ""


def read_junit(path, prefix):
    """GoogleTest's and pytest's XML reports."""
    results = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{prefix} {case.get('classname')}.{case.get('name')}"
        wrong = case.find("failure")
        wrong = wrong if wrong is not None else case.find("error")
        skip = case.find("skipped")
        if wrong is not None:
            results.append(failed(name, wrong.get("message") or wrong.text))
        elif skip is not None or case.get("result") in ("skipped", "suppressed"):
            reason = (skip.get("message") or skip.text) if skip is not None else "disabled"
            # GoogleTest writes "file:line" before the message.
            results.append(skipped(name, (reason or "").splitlines()[-1] if reason else ""))
        else:
            results.append(passed(name))
    return results


def read_meson(build, gtest_folder, prefix):
    """Meson's log; a GoogleTest program's cases are taken from the XML that it wrote."""
    results = []
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    for line in log.read_text().splitlines():
        test = json.loads(line)
        name = f"{prefix} {test['name'].split(' / ')[-1]}"
        report = gtest_folder / f"{pathlib.Path(test['command'][0]).name}.xml"
        cases = read_junit(report, prefix) if report.exists() else []
        if cases:
            report.unlink()
        has_failure = any(case.outcome is Outcome.FAILED for case in cases)
        output = f"{test.get('stdout', '')}\n{test.get('stderr', '')}"
        if test["result"] == MESON_SKIP:
            cases = cases or [skipped(name, output.strip().splitlines()[-1] if output.strip() else "")]
        elif test["result"] not in ("OK", "EXPECTEDFAIL") and not has_failure:
            cases.append(failed(name, f"{test['result'].lower()}, status {test.get('returncode')}"))
        elif not cases:
            cases = [passed(name)]
        results += cases
    return results
