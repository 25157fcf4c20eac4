"""One life of a plugin: its process, the conversation with it, and what it did that the protocol forbids."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from scripted import METHODS, Message, Refused, Runtime

PROTOCOL = 1
MAX_LINE = 1 << 20
MAX_VALUE = 64000

#: Seconds to wait for what must come soon; a hook and the first line have twice as long.
PATIENCE = 5.0


class Failure(Exception):
    """A check that did not hold."""


class Life:
    """A process and the conversation with it. ``violations`` is what the protocol forbids, in order."""

    def __init__(
        self, command: List[str], name: str, *, in_flight: int = 64, settings: Optional[Message] = None
    ) -> None:
        self.name = name
        self.runtime = Runtime()
        self.violations: List[str] = []
        self.answers: Dict[int, Message] = {}
        self.order: List[int] = []
        self.cancelled: List[Any] = []
        self.log = ""
        self.window = 1
        self._in_flight = in_flight
        self._settings = settings or {}
        self._next_id = 0
        self._open: List[Any] = []
        self._held: List[Message] = []
        self.hold = False
        self._lines: "queue.Queue[Optional[bytes]]" = queue.Queue()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_log)]
        for thread in self._threads:
            thread.start()

    # Lines

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line.decode("utf-8", "replace")

    def write(self, data: bytes) -> None:
        """Bytes as they are; :class:`Failure` when the process takes no more."""
        assert self.process.stdin is not None
        watchdog = threading.Timer(10, self.kill_group)
        watchdog.start()
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise Failure(f"it reads no more: {self.last_words()}") from None
        finally:
            watchdog.cancel()

    def send(self, **message: Any) -> None:
        """One message."""
        text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        self.write(text.encode() + b"\n")

    def ask(self, method: str, params: Optional[Message] = None, **more: Any) -> int:
        """Sends a request; its number."""
        self._next_id += 1
        self.send(id=self._next_id, method=method, params={} if params is None else params, **more)
        return self._next_id

    def step(self, seconds: float) -> bool:
        """Handles the next line; false when none came in time, or none will."""
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return False
        if line is None:
            self._lines.put(None)
            return False
        message = self._message(line)
        if message is None:
            return True
        if "method" in message:
            self._asked(message)
        else:
            self._answered(message)
        return True

    def _message(self, line: bytes) -> Optional[Message]:
        shown = repr(line[:80])
        if len(line) > MAX_LINE:
            self.violations.append(f"a line of {len(line)} bytes, where {MAX_LINE} is the longest")
        if not line.endswith(b"\n"):
            self.violations.append(f"a last line without line feed: {shown}")
        try:
            message = json.loads(line.decode("utf-8"))
            json.dumps(message, ensure_ascii=False).encode("utf-8")
        except ValueError as error:
            self.violations.append(f"a line that is no message ({error}): {shown}")
            return None
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self.violations.append(f'a line without "jsonrpc":"2.0": {shown}')
            return None
        return message

    def _answered(self, message: Message) -> None:
        id = message.get("id")
        if not isinstance(id, int) or isinstance(id, bool) or not 1 <= id <= self._next_id:
            self.violations.append(f"an answer to a question that nobody asked: id {id!r}")
        elif id in self.answers:
            self.violations.append(f"a second answer to request {id}")
        else:
            self.answers[id] = message
            self.order.append(id)
        if ("result" in message) == ("error" in message):
            self.violations.append(f"an answer has a result or an error: {json.dumps(message)[:80]}")
        error = message.get("error")
        if error is not None:
            if (
                not isinstance(error, dict)
                or not isinstance(error.get("code"), int)
                or not isinstance(error.get("message"), str)
            ):
                self.violations.append(f"an error has a code, a number, and a message: {json.dumps(error)[:80]}")
            elif len(error["message"].encode()) > 160:
                self.violations.append(f"a message of an error has at most 160 bytes: {error['message']!r}")
            elif error["code"] == -32000 and len(str((error.get("data") or {}).get("code", "")).encode()) > 24:
                self.violations.append(f"a code of an error has at most 24 bytes: {error['data']['code']!r}")

    def _asked(self, message: Message) -> None:
        method, params, id = message["method"], message.get("params", {}), message.get("id")
        if not isinstance(params, dict):
            self.violations.append(f"parameters of {method} are no object: {json.dumps(params)[:80]}")
            return
        if "id" not in message:
            if method == "cancel":
                self.cancelled.append(params.get("id"))
            elif method == "log":
                self.runtime.log(params)
            else:
                self.violations.append(f"{method} is no notification: it needs an id")
            return
        fits = isinstance(id, int) and not isinstance(id, bool) or isinstance(id, str) and len(id.encode()) <= 64
        if not fits:
            self.violations.append(f"an id is a whole number, or a string of at most 64 bytes: {id!r}")
        if id in self._open:
            self.violations.append(f"the id {id!r} is used twice at the same time")
        self._open.append(id)
        if self.hold:
            self._held.append(message)
        else:
            self._answer(message)

    def _answer(self, message: Message) -> None:
        id, method = message["id"], message["method"]
        self._open.remove(id)
        try:
            self.send(id=id, result=self.runtime.answer(method, message.get("params", {})))
        except Refused as error:
            self.send(id=id, error={"code": -32000, "message": str(error), "data": {"code": error.code}})
        except KeyError as error:
            if method in METHODS:
                self.violations.append(f"{method} lacks {error}")
                self.send(id=id, error={"code": -32602, "message": f"{method} lacks {error}"})
            else:
                self.violations.append(f"there is no method {method}")
                self.send(id=id, error={"code": -32601, "message": f"there is no method {method}"})

    def held(self) -> int:
        """How many requests wait for an answer."""
        return len(self._held)

    def release(self) -> None:
        """Answers those that were held back."""
        self.hold = False
        held, self._held = self._held, []
        for message in held:
            self._answer(message)

    # Conversations

    def until(self, what: str, done: Callable[[], bool], seconds: Optional[float] = None) -> None:
        """Handles lines until ``done``; :class:`Failure` when that does not come."""
        seconds = PATIENCE if seconds is None else seconds
        end = time.monotonic() + seconds
        while not done():
            if not self.step(end - time.monotonic()):
                gone = self.process.poll() is not None or time.monotonic() < end
                raise Failure(
                    f"{what}: " + (f"it left: {self.last_words()}" if gone else f"nothing within {seconds} s")
                )

    def answer_to(self, id: int, seconds: Optional[float] = None) -> Message:
        """The answer to a request."""
        self.until(f"the answer to request {id}", lambda: id in self.answers, seconds)
        return self.answers[id]

    def result(self, method: str, params: Optional[Message] = None) -> Any:
        """The result of a request; :class:`Failure` for an error."""
        answer = self.answer_to(self.ask(method, params), 2 * PATIENCE)
        if "error" in answer:
            raise Failure(f"{method} was answered with an error: {(answer['error'] or {}).get('message')}")
        return answer.get("result")

    def call(self, service: str, args: Any = None) -> int:
        """Sends a call of the plugin's service NAME.``service``; its number."""
        return self.ask("call", {"service": f"{self.name}.{service}", "args": args, "caller": "operator"})

    def reply(self, service: str, args: Any = None) -> Any:
        """The reply of the plugin's service NAME.``service``."""
        answer = self.answer_to(self.call(service, args))
        if "error" in answer:
            raise Failure(f"{service} was answered with an error: {(answer['error'] or {}).get('message')}")
        return answer.get("result")

    def refusal(self, service: str, args: Any = None) -> Tuple[str, str]:
        """Code and message of the error with which a call is answered."""
        answer = self.answer_to(self.call(service, args))
        if "error" not in answer:
            raise Failure(f"{service} was answered with {json.dumps(answer.get('result'))[:60]}, not with an error")
        return (answer["error"].get("data") or {}).get("code", "error"), answer["error"]["message"]

    def event(self, topic: str, payload: Any, seq: int = 1) -> int:
        """Sends an event; its number."""
        return self.ask(
            "event",
            {"topic": topic, "payload": payload, "seq": seq, "time_ms": 1000 + seq, "source": "test", "lost": 0},
        )

    def initialize(self, **more: Any) -> Message:
        """The result of ``initialize``."""
        answer = self.result(
            "initialize",
            {
                "protocol": PROTOCOL,
                "runtime": {"name": "conformance", "version": "1.0.0"},
                "plugin": {"name": self.name, "version": "1.0.0", "folder": os.getcwd(), "data": os.getcwd()},
                "settings": self._settings,
                "permissions": {each: [] for each in ("publish", "subscribe", "call", "register", "state", "storage")},
                "limits": {
                    "max_line": MAX_LINE,
                    "max_value": MAX_VALUE,
                    "in_flight": self._in_flight,
                    "hook_ms": 10000,
                    "handler_ms": 60000,
                    "call_ms": 30000,
                },
                **more,
            },
        )
        if not isinstance(answer, dict):
            raise Failure(f"the result of initialize is no object: {json.dumps(answer)[:60]}")
        self.window = answer.get("window", 1)
        return answer

    def start(self) -> None:
        """``initialize``, ``load`` and ``start``."""
        self.initialize()
        self.result("load")
        self.result("start")

    # The end

    def close(self) -> None:
        """Closes standard input. What it still asks for is looked at, and not answered."""
        self.hold = True
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def leaves(self, seconds: float = 1.0) -> None:
        """:class:`Failure` unless the process leaves in time; what it still says is taken."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"it is still there after {seconds} s") from None
        while self.step(1):
            pass

    def kill_group(self) -> None:
        """Ends the process and its children."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end(self) -> None:
        """Cleans up, whatever happened."""
        self.hold = True
        self.kill_group()
        self.process.wait()
        self.close()
        for thread in self._threads:
            thread.join(2)
        while self.step(0):
            pass
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def last_words(self) -> str:
        """The status and the last line of the log, for people."""
        self._threads[1].join(0.5)
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            pass
        lines = self.log.strip().splitlines()
        return f"status {self.process.poll()}" + (f", {lines[-1]}" if lines else "")
