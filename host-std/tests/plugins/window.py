"""A plugin without a library that handles as many messages at a time as its settings say, and answers events late."""

import json
import sys
import threading

lock = threading.Lock()
unanswered = set()


def send(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def ask(name, method, **params):
    send({"id": name, "method": method, "params": params})


def give(number, result):
    unanswered.discard(number)
    send({"id": number, "result": result})


def refuse(number, code, message):
    unanswered.discard(number)
    send({"id": number, "error": {"code": -32000, "message": message, "data": {"code": code}}})


for line in sys.stdin:
    message = json.loads(line)
    number, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if method is None:
        # Its own call was answered, or not: so is the event that it was made in.
        if str(number).startswith("call"):
            event, error = int(str(number)[4:]), message.get("error")
            refuse(event, error["data"]["code"], error["message"]) if error else give(event, None)
            ask("st", "state.set", key="window.handled", value=event)
    elif method == "initialize":
        send({"id": number, "result": {"protocol": 1, "window": params["settings"]["window"]}})
    elif method == "load":
        ask("r1", "register", service="window.late")
        ask("r2", "register", service="window.bad")
        ask("s", "subscribe", filter="window.event")
        send({"id": number, "result": None})
    elif method in ("start", "stop", "unload"):
        if unanswered:
            refuse(number, "not_alone", f"{method} came while {len(unanswered)} messages were handled")
        else:
            send({"id": number, "result": None})
    elif method == "event" and params["payload"] == "call":
        unanswered.add(number)
        threading.Timer(0.3, ask, (f"call{number}", "call"), {"service": "relay.inner"}).start()
    elif method == "event":
        unanswered.add(number)
        threading.Timer(0.3, refuse, (number, "bad_event", f"as it was asked: {params['payload']}")).start()
    elif method == "call" and params["service"] == "window.bad":
        refuse(number, params["args"], "as it was asked")
    elif method == "call":
        unanswered.add(number)
        threading.Timer(0.8, give, (number, "late")).start()
