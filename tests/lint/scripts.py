#!/usr/bin/python3
"""Shell scripts are clean for shellcheck; Python files compile; no line above 110 characters."""

import ast
import shutil
import subprocess
import sys

import tree

LIMIT = 110


def first_line(path):
    with open(path, "rb") as file:
        return file.readline(80)


def main():
    if not shutil.which("shellcheck"):
        print("SKIPPED: shellcheck is not installed (tests/deps test)")
        return tree.SKIPPED
    failed = 0
    candidates = [path for path in tree.files("") if path.is_file()]
    candidates += [path for path in (tree.ROOT / ".ci").glob("*") if path.is_file()]
    shell, python = [], []
    for path in candidates:
        line = first_line(path)
        if path.suffix == ".py" or (line.startswith(b"#!") and b"python" in line):
            python.append(path)
        elif line.startswith(b"#!") and b"sh" in line:
            shell.append(path)
    if shell:
        run = subprocess.run(
            ["shellcheck", *map(tree.relative, shell)], cwd=tree.ROOT, check=False)
        failed += run.returncode != 0
    for path in python:
        text = path.read_text()
        try:
            ast.parse(text)
        except SyntaxError as error:
            print(f"{tree.relative(path)}:{error.lineno}: {error.msg}")
            failed += 1
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > LIMIT:
                print(f"{tree.relative(path)}:{number}: {len(line)} characters, limit {LIMIT}")
                failed += 1
    print(f"scripts: {len(shell)} shell, {len(python)} Python, {failed} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
