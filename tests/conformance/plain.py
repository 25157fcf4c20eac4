"""A plugin written from the page alone, without a library, and with one fault when the first argument names it.

It is what the checks themselves are tested on: without a fault everything holds, with one the check of it must fail.
"""

import json
import os
import signal
import sys
import time

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""


def send(message):
    sys.stdout.buffer.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    sys.stdout.buffer.flush()


def answer(id, result):
    if FAULT == "forgets" and id == 4:
        return
    if FAULT == "both":
        send({"id": id, "result": result, "error": None})
        return
    send({"id": id, "result": result})
    if FAULT == "twice" and id == 3:
        send({"id": id, "result": result})


def fail(id, code, message, word=None):
    send({"id": id, "error": {"code": code, "message": message, **({"data": {"code": word}} if word else {})}})


def hook(id, method):
    if method == "load":
        send({"id": 1, "method": "subscribe", "params": {"filter": "plain.>"}})
        if FAULT == "same_id":
            send({"id": 1, "method": "interval", "params": {"ms": 0}})
        if FAULT == "bad_id":
            send({"id": 1.5, "method": "interval", "params": {"ms": 0}})
        if FAULT == "unknown":
            send({"id": 2, "method": "explode", "params": {}})
        if FAULT == "lacks":
            send({"id": 2, "method": "register", "params": {}})
        if FAULT == "notifies":
            send({"method": "publish", "params": {"topic": "plain.x"}})
        if FAULT == "array":
            send({"id": 2, "method": "publish", "params": ["plain.x", 1]})
        if FAULT == "unasked":
            send({"id": 9999, "result": None})
        if FAULT == "prints":
            print("hello from a library", flush=True)
        if FAULT == "latin":
            os.write(1, b'{"jsonrpc":"2.0","method":"log","params":{"level":"info","message":"\xe9"}}\n')
        if FAULT == "too_long":
            send({"method": "log", "params": {"level": "info", "message": "x" * (1 << 20)}})
        if FAULT == "version":
            os.write(1, b'{"method":"log","params":{"level":"info","message":"x"}}\n')
    if FAULT == "exits" and method == "start":
        sys.exit(3)
    answer(id, None)


def main():
    if FAULT == "ignores_sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        if FAULT == "short" and len(line) > 65536:
            continue
        message = json.loads(line)
        id, method = message.get("id"), message.get("method")
        if method is None or (id is None and FAULT != "answers_notifications"):
            continue
        if method == "initialize":
            window = 0 if FAULT == "window" else 1
            answer(id, {"protocol": 2 if FAULT == "protocol" else 1, "sdk": "none", "window": window})
        elif method in ("load", "start", "stop", "unload"):
            if FAULT == "strict" and len(message) > 4:
                fail(id, -32600, "members that nobody knows")
            else:
                hook(id, method)
        elif method == "call":
            if FAULT == "accepts":
                answer(id, None)
            else:
                fail(id, -32000, "x" * (161 if FAULT == "talks" else 10), "not_found")
        elif method in ("event", "tick"):
            if FAULT == "no_tick" and method == "tick":
                fail(id, -32601, "no such method")
            else:
                answer(id, None)
        elif FAULT == "silent":
            continue
        else:
            fail(id, -32000 if FAULT == "own_code" else -32601, "no such method")
    if FAULT == "stays":
        time.sleep(30)


main()
