#!/usr/bin/python3
"""clang-tidy-14 over the sources of a build folder's compile_commands.json.

    tidy.py BUILD [--jobs N] [--budget SECONDS] [--since COMMIT]

Tests and fuzzers are left out: GoogleTest's macros are not ours. With --since only layers that
changed after that commit are read. Runs until done or until the budget is spent; what was not read
is named, so that silence never looks like success.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

import tree


def sources(build, since):
    commands = json.loads((build / "compile_commands.json").read_text())
    found = set()
    for command in commands:
        path = pathlib.Path(command["directory"], command["file"]).resolve()
        name = tree.relative(path) if path.is_relative_to(tree.ROOT) else ""
        if not name or name.startswith(("tests/", "perf/", "build")) or name.endswith("_test.cc"):
            continue
        found.add(name)
    if since:
        git = subprocess.run(
            ["git", "diff", "--name-only", since], cwd=tree.ROOT, text=True, capture_output=True,
            check=True)
        changed = {os.path.dirname(line) for line in git.stdout.splitlines()}
        found = {name for name in found if os.path.dirname(name) in changed}
    return sorted(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=900, help="seconds")
    parser.add_argument("--since", help="a commit: read only the folders that changed since")
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    files = sources(options.build, options.since)

    def read(name):
        if time.monotonic() > end:
            return name, None
        return name, subprocess.run(
            ["clang-tidy-14", "--quiet", "--warnings-as-errors=*", "-p", str(options.build), name],
            cwd=tree.ROOT, text=True, capture_output=True, check=False)

    unread, failed = [], 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, run in pool.map(read, files):
            if run is None:
                unread.append(name)
            elif run.returncode != 0:
                print(run.stdout or run.stderr)
                failed += 1
    for name in unread:
        print(f"{name}: not read, the budget of {options.budget:.0f} s is spent")
    print(f"tidy: {len(files)} files, {failed} with findings, {len(unread)} not read")
    return 1 if failed or unread else 0


if __name__ == "__main__":
    sys.exit(main())
