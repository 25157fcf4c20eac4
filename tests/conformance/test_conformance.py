"""Each check can fail: a plugin with one fault fails the check of it. Run by: python3 -m unittest."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import List, Tuple

HERE = Path(__file__).resolve().parent

# A fault of plain.py, words of the check that finds it, and of what it says.
FAULTS: List[Tuple[str, str, str]] = [
    ("protocol", "initialize", "protocol is 2, not 1"),
    ("window", "initialize", "window is 0, not 1 to 64"),
    ("both", "initialize", "an answer has a result or an error"),
    ("forgets", "load, start", "the answer to request 4: nothing within"),
    ("twice", "load, start", "a second answer to request 3"),
    ("unasked", "load, start", "an answer to a question that nobody asked: id 9999"),
    ("same_id", "waits for the runtime", "the id 1 is used twice at the same time"),
    ("bad_id", "load, start", "an id is a whole number, or a string"),
    ("unknown", "load, start", "there is no method explode"),
    ("lacks", "load, start", "register lacks 'service'"),
    ("notifies", "load, start", "publish is no notification"),
    ("array", "load, start", "parameters of publish are no object"),
    ("prints", "load, start", "a line that is no message"),
    ("latin", "load, start", "'utf-8' codec can't decode"),
    ("too_long", "load, start", "where 1048576 is the longest"),
    ("version", "load, start", 'a line without "jsonrpc":"2.0"'),
    ("exits", "load, start", "it left: status 3"),
    ("strict", "members", "load was answered with an error"),
    ("silent", "-32601", "nothing within"),
    ("own_code", "-32601", "not -32601"),
    ("answers_notifications", "-32601", "an answer to a question that nobody asked: id None"),
    ("accepts", "does not have", "was answered: {"),
    ("talks", "does not have", "a message of an error has at most 160 bytes"),
    ("no_tick", "ticks", "tick was answered with an error: no such method"),
    ("short", "megabyte", "nothing within"),
    ("stays", "while it is started", "it is still there after 1.0 s"),
    ("ignores_sigterm", "SIGTERM", "it is still there"),
]


class Checks(unittest.TestCase):
    def start(self, words: str, *fault: str) -> "subprocess.Popen[str]":
        command = [sys.executable, str(HERE / "conformance.py"), "--name", "plain", "--only", words]
        command += ["--patience", "1"] * bool(fault)
        plugin = [sys.executable, str(HERE / "plain.py"), *fault]
        return subprocess.Popen(
            [*command, *plugin], stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
        )

    def test_a_plugin_without_a_library_passes(self) -> None:
        process = self.start("")
        said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        self.assertNotIn("FAIL", said)

    def test_each_fault_is_found(self) -> None:
        waiting = list(FAULTS)
        while waiting:
            # A few at a time: most of what they do is wait.
            some, waiting = waiting[:6], waiting[6:]
            for (fault, _, message), process in [(each, self.start(each[1], each[0])) for each in some]:
                said, _ = process.communicate(timeout=60)
                with self.subTest(fault=fault):
                    self.assertEqual(process.returncode, 1, said)
                    failed = "\n".join(line for line in said.splitlines() if line.startswith("FAIL"))
                    self.assertIn(message, failed)

    def test_a_plugin_without_the_contract_is_told_apart(self) -> None:
        command = [
            sys.executable,
            str(HERE / "conformance.py"),
            "--contract",
            "--only",
            "ticks",
            sys.executable,
            str(HERE / "plain.py"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL  it keeps the contract: it has no service conformance.echo", done.stdout)


if __name__ == "__main__":
    unittest.main()
