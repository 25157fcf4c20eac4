"""The library is for Python 3.9: no newer syntax, whatever runs this test."""

from __future__ import annotations

import ast
import unittest
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


class Syntax(unittest.TestCase):
    def test_every_file_is_python_3_9(self) -> None:
        files = sorted((SDK / "core_runtime").rglob("*.py"))
        self.assertGreater(len(files), 20)
        for file in files:
            with self.subTest(file=file.name):
                source = file.read_text("utf-8")
                tree = ast.parse(source, feature_version=(3, 9))
                if "import annotations" in source:
                    continue
                # Hints are evaluated here, and `X | Y` is no hint before 3.10.
                unions = [
                    node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)
                ]
                self.assertEqual(unions, [])


if __name__ == "__main__":
    unittest.main()
