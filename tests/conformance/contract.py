"""What holds for a plugin with the services of the conformance contract (see README.md)."""

from __future__ import annotations

import json
import time
from typing import Any, List

from any_plugin import Check, check
from life import MAX_LINE, Life
from scripted import Refused

VALUES: List[Any] = [
    None,
    True,
    0,
    -1,
    9007199254740991,
    1.5,
    1e-7,
    "",
    "Привет, Мир! 😀",
    'line\nfeed\ttab \u2028 \u2029 \u0000 \u007f "quoted" \\back\\slash \\ud800',
    [],
    {},
    [[[[]]], {"a": {"b": [None, {"c": "d"}]}}],
    {"": 1, "ключ": 2, "a.b/c~d": 3, "constructor": 4, "__proto__": 5},
]


def same(got: Any, wanted: Any, what: str) -> None:
    check(
        got == wanted,
        f"{what} is {json.dumps(got, ensure_ascii=False)[:90]}, not {json.dumps(wanted, ensure_ascii=False)[:90]}",
    )


def hook_order(life: Life) -> None:
    life.start()
    same(life.reply("hooks"), ["load", "start"], "what was called")
    life.result("stop")
    stored = life.runtime.stored.get("hooks")
    same(stored, ["load", "start", "stop"], "what was stored in stop")


def told(life: Life) -> None:
    life._settings = {"target": 21.5, "rooms": ["кухня"]}
    life.start()
    about = life.reply("about")
    same(about.get("name"), life.name, "name")
    same(about.get("settings"), life._settings, "settings")
    same(
        sorted(about.get("permissions", {})),
        ["call", "publish", "register", "state", "storage", "subscribe"],
        "permissions",
    )


def echo(life: Life) -> None:
    life.start()
    for value in VALUES:
        same(life.reply("echo", value), value, "the echo")


def long_values(life: Life) -> None:
    life.start()
    for size in (1000, 65_536, 200_000, 400_000):
        value = "я" * size
        check(life.reply("echo", value) == value, f"a string of {size} characters comes back as another")


def too_long(life: Life) -> None:
    life.start()
    code, _ = life.refusal("long", MAX_LINE + 10)
    same(code, "too_large", "the code")
    same(life.reply("echo", 1), 1, "the echo after it")


def errors(life: Life) -> None:
    life.start()
    same(
        life.refusal("fail", {"code": "too_hot", "message": "35 is above 30"}),
        ("too_hot", "35 is above 30"),
        "the error",
    )
    same(life.refusal("fail", {"code": "invalid_argument", "message": "x"})[0], "invalid_argument", "the code")
    code, message = life.refusal("fail", {"code": "long", "message": "я" * 300})
    check(code == "long" and message.startswith("яяя"), f"a long message came as {code}: {message}")
    code, message = life.refusal("crash")
    check(bool(code) and bool(message), "an exception was answered without a code or a message")
    same(life.reply("echo", 1), 1, "the echo after it")


def events_in_order(life: Life) -> None:
    life.start()
    sent = []
    for seq in range(1, 101):
        payload = {"n": seq, "text": "ё\u2028😀"}
        sent.append(["event.one" if seq % 2 else "event.two.three", payload, seq])
        life.answer_to(life.event(f"{life.name}.{sent[-1][0]}", payload, seq))
    same(life.order[-100:], list(range(life._next_id - 99, life._next_id + 1)), "the order of the answers")
    got = life.reply("events")
    same([[each["topic"][len(life.name) + 1 :], each["payload"], each["seq"]] for each in got], sent, "what it saw")
    answer = life.answer_to(life.event(f"{life.name}.event.crash", "crash"))
    check("error" in answer, "a handler that raises was answered as if it had not")
    same(len(life.reply("events")), 101, "the number of events")


def printing(life: Life) -> None:
    life.start()
    for number in range(150):
        life.reply("print", f"printed {number}")
    life.close()
    life.leaves()
    life._threads[1].join(2)
    for text in ("printed 0", "printed 149", "a child says printed 149"):
        check(text in life.log, f"the log has no {text!r}")


def logging(life: Life) -> None:
    life.start()
    for level in ("error", "warn", "info", "debug"):
        life.reply("log", {"level": level, "message": f"a {level} ё"})
    logged = [[each.get("level"), each.get("message")] for each in life.runtime.logged]
    same(logged, [[level, f"a {level} ё"] for level in ("error", "warn", "info", "debug")], "the log")


def asking(life: Life) -> None:
    life.runtime.calls["other.service"] = lambda args: {"got": args}
    life.start()
    same(life.reply("call", {"service": "other.service", "args": [1, "ё"]}), {"reply": {"got": [1, "ё"]}}, "the reply")
    same(life.reply("call", {"service": "nobody.there", "args": None}), {"error": "not_found"}, "the error")
    same(life.reply("publish", {"topic": "a.b", "payload": {"x": None}}), 1, "the receivers")
    same(life.runtime.published[-1]["topic"], "a.b", "the topic")
    same(life.runtime.published[-1]["payload"], {"x": None}, "the payload")
    same(life.reply("publish", {"topic": ".own", "payload": 1}), 1, "the receivers")
    same(life.runtime.published[-1]["topic"], f"{life.name}.own", "a topic below its own name")
    same(life.reply("keep", {"a": [1]}), [{"a": [1]}, {"a": [1]}], "what it read back")
    same(life.runtime.state[f"{life.name}.kept"]["value"], {"a": [1]}, "the state value")
    same(life.runtime.stored["kept"], {"a": [1]}, "the stored value")

    def refuse(params: Any) -> Any:
        raise Refused("denied", "publish 'a.b' is not granted")

    life.runtime.instead["publish"] = refuse
    same(life.refusal("publish", {"topic": "a.b", "payload": 1})[0], "denied", "the code")


def many_requests(life: Life) -> None:
    life.start()
    life.hold = True
    id = life.call("burst", 40)
    # It asks for no more than it may, and goes on where there is room.
    most = 0
    while id not in life.answers:
        if life.step(0.05):
            most = max(most, life.held())
            continue
        check(life.held() > 0, "it neither asks nor answers")
        life.release()
        life.hold = True
    check(most <= life._in_flight, f"{most} requests were under way at a time, where {life._in_flight} may be")
    same(life.answers[id].get("result"), 40, "the number of answers")


def ticking(life: Life) -> None:
    life.start()
    check(life.runtime.interval > 0, "it asked for no interval")
    before = life.reply("ticks")
    for _ in range(5):
        life.result("tick")
        time.sleep(life.runtime.interval / 1000)
    same(life.reply("ticks") - before, 5, "the number of ticks")


def cancelling(life: Life) -> None:
    life.start()
    for _ in range(3):
        id = life.call("hang")
        life.step(0.05)
        life.send(method="cancel", params={"id": id})
        answer = life.answer_to(id, 2)
        code = ((answer.get("error") or {}).get("data") or {}).get("code")
        check(code == "cancelled", f"it was answered with {json.dumps(answer)[:80]}, not with the code cancelled")
        same(life.reply("echo", 1), 1, "the echo after it")


def window(life: Life) -> None:
    life.start()
    if life.window == 1:
        # One at a time: the next is sent when the one before is answered.
        for _ in range(3):
            same(life.reply("slow", 20), 20, "the reply")
        return
    start = time.monotonic()
    ids = [life.call("slow", 300) for _ in range(life.window - 1)]
    quick = life.call("echo", "quick")
    life.answer_to(quick)
    check(not any(id in life.answers for id in ids), "the slow ones were answered before the quick one")
    for id in ids:
        life.answer_to(id)
    took = time.monotonic() - start
    check(took < 0.3 * 2, f"{life.window - 1} calls of 0.3 s took {took:.1f} s: they do not overlap")


def parent(life: Life) -> None:
    seen: List[Any] = []
    life.start()
    life.runtime.instead["call"] = lambda params: seen.append(params.get("parent"))
    id = life.call("call", {"service": "other.service", "args": None})
    life.answer_to(id)
    if life.window > 1:
        same(seen, [id], "the parent of the call")


def closed_while_it_works(life: Life) -> None:
    life.start()
    life.call("hang")
    life.step(0.1)
    life.close()
    life.leaves()


def closed_while_it_blocks(life: Life) -> None:
    life.start()
    check(f"{life.name}.block" in life.runtime.services, "SKIP it has no service NAME.block")
    life.call("block")
    life.step(0.2)
    life.close()
    life.leaves()


CHECKS: List[Check] = [
    ("hooks come in order, and stop may still store", hook_order),
    ("it is told its name, settings and permissions", told),
    ("any JSON comes back as it went", echo),
    ("long values come back as they went", long_values),
    ("an answer that is too long for a line is an error, and the next is answered", too_long),
    ("errors keep their code and message; an exception is one; both pass", errors),
    ("events come in order, once, and an error of a handler is answered", events_in_order),
    ("what it and its children print is in the log, and not in the protocol", printing),
    ("its log has levels", logging),
    ("calls, events, state and storage of its own, and what is refused", asking),
    ("many requests at once, and no more than may be under way", many_requests),
    ("an interval and its ticks", ticking),
    ("a call that is cancelled is answered, and the next is unharmed", cancelling),
    ("as many at a time as the window says", window),
    ("calls of its own name the call that they are made for, with a window above 1", parent),
    ("it leaves within 1 s when standard input ends while it works", closed_while_it_works),
    ("it leaves within 1 s when standard input ends while a thread of it blocks", closed_while_it_blocks),
]
