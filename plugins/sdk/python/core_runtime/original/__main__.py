"""``python -m core_runtime.original``: see the package."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..process import run
from .adapter import adapted
from .describe import Undescribed, describe


def main() -> None:
    """Runs a class in the current folder, or describes what is at a path."""
    parser = argparse.ArgumentParser(
        prog="python -m core_runtime.original",
        description="Runs a plugin that was written for the original Core Runtime, in the current folder.",
    )
    parser.add_argument("plugin", nargs="?", metavar="CLASS_PATH|FILE.py", help="such as plugins.example.ExamplePlugin")
    parser.add_argument(
        "--describe",
        metavar="PATH",
        type=Path,
        help="print what the plugin in this file or folder says of itself, as one JSON object; runs nothing of it",
    )
    chosen = parser.parse_args()
    if chosen.describe is not None:
        try:
            print(json.dumps(describe(chosen.describe), ensure_ascii=False))
        except (Undescribed, OSError) as error:
            sys.exit(f"{parser.prog}: {error}")
        return
    if chosen.plugin is None:
        parser.error("name a class or a file, or --describe PATH")
    folder = Path.cwd()

    def find() -> type:
        from . import imports

        imports.provide(folder)
        return imports.load(chosen.plugin, folder)

    run(adapted(find))


if __name__ == "__main__":
    main()
