#!/usr/bin/python3
"""The C++ files are formatted as .clang-format says, by the pinned clang-format-14.

    format.py          list files that differ
    format.py --fix    format them
"""

import shutil
import subprocess
import sys

import tree


def main():
    if not shutil.which("clang-format-14"):
        print("SKIPPED: clang-format-14 is not installed (tests/deps test)")
        return tree.SKIPPED
    files = [tree.relative(path) for path in tree.files(".h", ".cc")]
    mode = ["-i"] if "--fix" in sys.argv[1:] else ["--dry-run", "-Werror", "--ferror-limit=1"]
    run = subprocess.run(["clang-format-14", *mode, *files], cwd=tree.ROOT, check=False)
    print(f"format: {len(files)} files, {'all well' if run.returncode == 0 else 'see above'}")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
