"""A plugin of the original as a server: the port comes as an argument, or is chosen and printed."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVICES = [
    {"name": "lamp.set", "endpoint": "/lamp/set", "method": "POST", "description": "Sets the lamp",
     "schema": {"type": "object", "properties": {"level": {"type": "integer"}}, "required": ["level"]},
     "examples": [{"level": 3}]},
    {"name": "lamp.echo", "endpoint": "/lamp/echo"},
    {"name": "lamp.seen", "endpoint": "/lamp/seen", "method": "GET"},
    {"name": "lamp.slow", "endpoint": "/lamp/slow"},
    {"name": "lamp.broken", "endpoint": "/lamp/broken"},
    {"name": "lamp.refuse", "endpoint": "/lamp/refuse"},
    {"name": "lamp.nothing", "endpoint": "/lamp/nothing"},
]
seen = []
both = threading.Barrier(2)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/plugin/metadata":
            return self.say(200, {"name": "lamp", "version": "1.0.0", "description": "A lamp",
                                  "author": "Somebody", "services": SERVICES})
        if self.path == "/lamp/seen":
            return self.say(200, seen)
        self.say(404, {"error": "not here"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/plugin/"):
            seen.append(self.path)
            return self.say(200, {"status": "ok"})
        given = json.loads(body)
        if self.path == "/lamp/set":
            level = given["kwargs"]["level"] if given["kwargs"] else given["args"][0]["level"]
            return self.say(200, level + 1)
        if self.path == "/lamp/echo":
            return self.say(200, given)
        if self.path == "/lamp/slow":
            both.wait(10)
            return self.say(200, "together")
        if self.path == "/lamp/broken":
            return self.say(500, {"error": "the bulb is broken"})
        if self.path == "/lamp/refuse":
            return self.say(422, {"detail": "too bright"})
        if self.path == "/lamp/nothing":
            self.send_response(204)
            return self.end_headers()
        self.say(404, {"error": "not here"})

    def say(self, status, value):
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
