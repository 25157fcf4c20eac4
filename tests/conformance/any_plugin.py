"""What holds for any plugin, whatever it does."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any, Callable, List, Tuple

from life import PROTOCOL, Failure, Life
from scripted import Refused

Check = Tuple[str, Callable[[Life], None]]


def check(condition: bool, why: str) -> None:
    """:class:`Failure` unless ``condition``."""
    if not condition:
        raise Failure(why)


def initialize(life: Life) -> None:
    answer = life.initialize()
    check(answer.get("protocol") == PROTOCOL, f"protocol is {answer.get('protocol')!r}, not {PROTOCOL}")
    window = answer.get("window", 1)
    check(
        isinstance(window, int) and not isinstance(window, bool) and 1 <= window <= 64,
        f"window is {window!r}, not 1 to 64",
    )
    for member in ("version", "sdk"):
        check(isinstance(answer.get(member, ""), str), f"{member} is {answer.get(member)!r}, not a string")


def hooks(life: Life) -> None:
    life.initialize()
    for hook in ("load", "start", "stop", "unload"):
        life.result(hook)
    life.close()
    life.leaves()


def unknown_members(life: Life) -> None:
    life.initialize(hello=1, trace={"id": "x"})
    answer = life.answer_to(life.ask("load", {"more": [1]}, meta="passed over"))
    check("error" not in answer, f"load was answered with an error: {answer.get('error')}")


def unknown_methods(life: Life) -> None:
    life.start()
    for method in ("nothing", "constructor", "__init__", "Load", ""):
        error = life.answer_to(life.ask(method)).get("error")
        check(error is not None and error.get("code") == -32601, f"{method!r} was answered with {error}, not -32601")
    life.send(method="nothing", params={})
    life.send(method="cancel", params={"id": 999999})
    life.result("tick")


def refused_registrations(life: Life) -> None:
    def refuse(params: Any) -> Any:
        raise Refused("denied", "not granted")

    life.initialize()
    life.runtime.instead = {"register": refuse, "subscribe": refuse}
    # With an error, or with none, as the plugin likes.
    life.answer_to(life.ask("load"))


def unknown_service(life: Life) -> None:
    life.start()
    for service in (f"{life.name}.there-is-no-such-service", "another.plugin", ""):
        answer = life.answer_to(life.ask("call", {"service": service, "args": None, "caller": "operator"}))
        check("error" in answer, f"the service {service!r} was answered: {answer}")
    life.result("tick")


def an_event(life: Life) -> None:
    life.start()
    for filter in life.runtime.filters[:8]:
        topic = re.sub(r"(^|\.)>$", r"\1x.y", filter).replace("*", "x")
        payloads: List[Any] = [{}, None, "текст \u2028 😀", [1, 2.5, {"a": None}]]
        for seq, payload in enumerate(payloads):
            life.answer_to(life.event(topic, payload, seq))
    # To nobody: it still has to be answered.
    life.answer_to(life.event("conformance.nobody.subscribed", {}))
    life.result("stop")


def a_tick(life: Life) -> None:
    life.start()
    for _ in range(3):
        life.result("tick")


def in_pieces(life: Life) -> None:
    life.start()
    life._next_id += 2
    line = b'{"jsonrpc":"2.0","id":%d,"method":"tick","params":{},"x":"\xd0\x96\xf0\x9f\x98\x80"}\n'
    first, second = line % (life._next_id - 1), line % life._next_id
    if life.window == 1:
        for byte in range(0, len(first), 5):
            life.write(first[byte : byte + 5])
            time.sleep(0.002)
        life.answer_to(life._next_id - 1)
        life.write(second)
    else:
        life.write(first + second)
    life.answer_to(life._next_id)
    check((life._next_id - 1) in life.answers, "the first of two was not answered")


def a_long_line(life: Life) -> None:
    life.start()
    for size in (70_000, 1_000_000):
        payload = "я" * (size // 2)
        life.answer_to(life.event("conformance.nobody.subscribed", payload))
    life.result("tick")


def closed_when_started(life: Life) -> None:
    life.start()
    life.close()
    life.leaves()


def closed_before_the_first_line(life: Life) -> None:
    life.close()
    # It is still starting: an interpreter takes its time.
    life.leaves(3)


def closed_while_it_waits(life: Life) -> None:
    life.initialize()
    life.hold = True
    life.ask("load")
    while life.step(0.3):
        pass
    life.close()
    life.leaves()


def terminated(life: Life) -> None:
    life.start()
    os.kill(life.process.pid, signal.SIGTERM)
    life.leaves()


CHECKS: List[Check] = [
    ("initialize is answered with the protocol, and with a window of 1 to 64", initialize),
    ("load, start, stop and unload are answered, and it leaves when standard input ends", hooks),
    ("members that it does not know are passed over", unknown_members),
    ("a method that it does not know is answered with -32601, a notification not at all", unknown_methods),
    ("load is answered also when nothing is granted", refused_registrations),
    ("a call of a service that it does not have is answered with an error", unknown_service),
    ("each event is answered once, whatever its payload", an_event),
    ("ticks are answered", a_tick),
    ("lines may come in pieces, or several at once", in_pieces),
    ("lines of a megabyte are read", a_long_line),
    ("it leaves within 1 s when standard input ends while it is started", closed_when_started),
    ("it leaves when standard input ends before the first line", closed_before_the_first_line),
    ("it leaves within 1 s when standard input ends while it waits for the runtime", closed_while_it_waits),
    ("it leaves within 1 s after SIGTERM", terminated),
]
