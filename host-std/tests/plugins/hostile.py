"""A plugin without a library, which behaves as its first argument says."""

import json
import os
import signal
import socket
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


def reach():
    """Tries what it may not, and says which of it was possible."""
    place = sys.argv[2]
    tries = {
        "read": lambda: open(place + "/secret").read(),
        "write": lambda: open(place + "/written", "w"),
        "tcp": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2),
        "runtime": lambda: operate(place + "/runtime.sock"),
        "signal": lambda: os.kill(os.getppid(), 0),
        "environment": lambda: open("/proc/%d/environ" % os.getppid()).read(),
        "passwords": lambda: open("/etc/shadow").read(),
        "own": lambda: open(os.environ["HOME"] + "/written", "w"),
    }
    possible = []
    for name, attempt in tries.items():
        try:
            attempt()
            possible.append(name)
        except OSError:
            pass
    return possible


def operate(path):
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(2)
    link.connect(path)
    if not link.recv(1):
        raise OSError("closed")


def orphan():
    """Leaves a process behind that has another session, and no parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in (0, 1, 2):
                os.close(fd)
            time.sleep(1000)
        os._exit(0)
    os.wait()


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
        if how == "reaches":
            answer(request, reach())
            continue
        if how == "orphans":
            orphan()
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
