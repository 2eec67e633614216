#!/usr/bin/python3
"""Each header compiles alone: it includes what it uses.

    headers_alone.py [--cxx COMPILER] [HEADER...]

Every header is the only line of a translation unit, compiled for syntax with the project's warnings.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys

import tree

LIBRARIES = ["libdpdk", "spdlog", "nlohmann_json", "CLI11", "libnl-route-3.0", "libsystemd"]
# Strings that the build defines on the command line.
DEFINES = ["-DWEFT_VERSION=\"\"", "-DWEFT_GOLDEN_DIR=\"\""]
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *DEFINES, "-x", "c++", "-I."]


def library_flags():
    """Include paths of the third parties, as system paths: their warnings are not ours to mend."""
    flags = []
    for library in LIBRARIES:
        answer = subprocess.run(
            ["pkg-config", "--cflags", library], capture_output=True, text=True, check=False)
        flags += answer.stdout.replace("-I/", "-isystem/").split()
    return flags + ["-march=x86-64-v2"]


def compile_alone(compiler, flags, header):
    return subprocess.run(
        compiler.split() + FLAGS + flags + ["-"], cwd=tree.ROOT, text=True, capture_output=True,
        input=f'#include "{header}"\n', check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cxx", default=os.environ.get("CXX", "g++"))
    parser.add_argument("headers", nargs="*")
    options = parser.parse_args()
    headers = options.headers or [tree.relative(path) for path in tree.files(".h")]
    flags = library_flags()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda header: compile_alone(options.cxx, flags, header), headers)
        for header, run in zip(headers, runs):
            if run.returncode != 0:
                print(f"{header} does not compile alone:\n{run.stderr}")
                failed += 1
    print(f"headers alone: {len(headers)} headers, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
