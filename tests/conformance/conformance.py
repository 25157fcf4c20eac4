#!/usr/bin/env python3
"""Drives a plugin's executable through the plugin protocol, and says line by line what holds.

    python3 tests/conformance/conformance.py [--name NAME] COMMAND...

Any executable is checked on what holds for every plugin; one that registers NAME.echo on the whole contract of README.md.
The exit status is 0 when everything holds, 1 when something does not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import List

import any_plugin
import contract
import life as life_module
from any_plugin import Check
from life import Failure, Life

# The limit of requests under way that a check of it goes by.
IN_FLIGHT = 8


def one(check: Check, command: List[str], name: str) -> str:
    """Runs a check on a life of its own, and prints what came of it: ``ok``, ``FAIL`` or ``skip``."""
    what, function = check
    start = time.monotonic()
    life = Life(command, name, in_flight=IN_FLIGHT)
    problems: List[str] = []
    try:
        function(life)
    except Failure as failure:
        problems.append(str(failure))
    except Exception as error:
        # An answer of a shape that no check expects.
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        life.end()
    problems += life.violations[:3]
    took = f"({time.monotonic() - start:.2f} s)"
    if problems and problems[0].startswith("SKIP "):
        print(f"skip  {what}: {problems[0][5:]}", flush=True)
        return "skip"
    if problems:
        print(f"FAIL  {what}: {'; '.join(problems)}", flush=True)
        return "FAIL"
    print(f"ok    {what} {took}", flush=True)
    return "ok"


def keeps_the_contract(command: List[str], name: str) -> bool:
    """Whether the plugin registers NAME.echo."""
    life = Life(command, name)
    try:
        life.start()
        return f"{name}.echo" in life.runtime.services
    except Failure:
        return False
    finally:
        life.end()


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Checks a plugin's executable against the plugin protocol.")
    parser.add_argument("--name", default="conformance", help="the name the plugin is told (conformance)")
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for an answer (5)")
    parser.add_argument("--contract", action="store_true", help="fail a plugin without the services of the contract")
    parser.add_argument("--only", default="", metavar="WORDS", help="only the checks whose line has these words")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    chosen = parser.parse_args()
    if not chosen.command:
        parser.error("name the command that starts the plugin")
    life_module.PATIENCE = chosen.patience
    checks = list(any_plugin.CHECKS)
    whole = keeps_the_contract(chosen.command, chosen.name)
    if whole:
        checks += contract.CHECKS
    results = [one(check, chosen.command, chosen.name) for check in checks if chosen.only in check[0]]
    if not results:
        parser.error(f"no check has the words {chosen.only!r}")
    if chosen.contract and not whole:
        print(f"FAIL  it keeps the contract: it has no service {chosen.name}.echo")
        results.append("FAIL")
    counts = ", ".join(f"{results.count(each)} {each}" for each in ("ok", "FAIL", "skip") if each in results)
    kind = "the whole contract" if whole else "what holds for any plugin"
    print(f"{counts}: {kind}, {' '.join(chosen.command)}")
    return 1 if "FAIL" in results else 0


if __name__ == "__main__":
    sys.exit(main())
