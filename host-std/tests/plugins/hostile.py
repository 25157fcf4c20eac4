"""A plugin without a library, which behaves as its first argument says."""

import json
import os
import signal
import subprocess
import sys
import time


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request, result=None):
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def ask(method, **params):
    send({"jsonrpc": "2.0", "id": "a", "method": method, "params": params})


def spin():
    while True:
        pass


def eat():
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def fork():
    for _ in range(20):
        subprocess.Popen(["sleep", "1000"])


how = sys.argv[1]
if how == "exit-first":
    sys.exit(3)
if how == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1000)

for line in sys.stdin:
    request = json.loads(line)
    method = request.get("method")
    if method is None or "id" not in request:
        continue
    if how == f"exit-in-{method}":
        os._exit(3)
    if how == f"spin-in-{method}":
        spin()
    if method == "initialize":
        answer(request, {
            "protocol": 9 if how == "other-protocol" else 1,
            "version": "9.9.9" if how == "other-version" else None,
            "window": 1,
        })
        if how == "banner":
            print("Welcome to the library!")
            print()
        if how == "garbage":
            for i in range(1000):
                print(f"this is no message {i}")
        if how == "endless-line":
            while True:
                sys.stdout.write("x" * 65536)
        if how == "not-utf8":
            sys.stdout.buffer.write(b"\xff\xfe\n")
            sys.stdout.flush()
        if how == "unasked":
            send({"jsonrpc": "2.0", "id": 4711, "result": None})
    elif method == "load":
        ask("register", service="hostile.do")
        answer(request)
    elif method == "start":
        answer(request)
        if how == "stderr":
            while True:
                sys.stderr.write("noise " * 20 + "\n")
        if how == "floods":
            while True:
                ask("publish", topic="hostile.flood", payload=None)
    elif method == "call":
        if how == "eats":
            eat()
        if how == "forks":
            fork()
        if how == "reads-secret":
            answer(request, open(sys.argv[2]).read())
            continue
        if how == "twice":
            answer(request, 1)
        answer(request, os.getpid())
    elif method == "stop" and how == "stays":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        answer(request)
    else:
        answer(request)

if how == "stays":
    while True:
        time.sleep(1000)
