"""The source files of the tree, for every lint."""

import os
import pathlib

SKIPPED = 77  # the exit status that meson reads as "skipped"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*suffixes):
    """Paths below the root with one of the suffixes, sorted; build folders and hidden ones left out."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name for name in subfolders
            if name not in ("__pycache__",) and not name.startswith((".", "build"))
        ]
        found += [pathlib.Path(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(found)


def relative(path):
    return path.relative_to(ROOT).as_posix()
