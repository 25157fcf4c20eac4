"""One side of the protocol: requests of our own and their answers, and messages of the other side for the workers.

Nothing here knows descriptors: lines come by :meth:`Peer.feed` and go by ``send``, so that a test runs the same code
in memory.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple, TypeVar

from . import wire
from .errors import NO_SUCH_METHOD, PluginError, Timeout, TooLarge, from_answer, to_answer
from .worker import Method, Worker

Convert = Callable[[Any], Any]
T = TypeVar("T")


class Request(asyncio.Future):  # type: ignore[type-arg]
    """The answer to a request of ours: it is under way already, whether it is awaited or not.

    Cancelling it tells the other side that nobody waits.
    """

    def __init__(self, peer: "Peer", id: int) -> None:
        super().__init__(loop=peer.loop)
        self._peer = peer
        self._id = id

    def cancel(self, msg: Any = None) -> bool:
        """As ``asyncio.Future.cancel``; the request is withdrawn."""
        if not super().cancel():
            return False
        self._peer.withdraw(self._id)
        return True


class Peer:
    """Carries lines between the other side and the methods of this one."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        methods: Dict[str, Method],
        report: Callable[[str, BaseException], None],
        broken: Callable[[str], None],
    ) -> None:
        """``send`` takes whole lines; ``report`` is told of what handlers raise; ``broken`` of lines that are none."""
        self.loop = asyncio.get_running_loop()
        self._send = send
        self._methods = methods
        self._report = report
        self._broken = broken
        #: The method whose messages may be named as the parent of our calls.
        self.causal = methods.get("call")
        self._thread = threading.get_ident()
        self._next_id = 0
        self._pending: Dict[int, Tuple[Request, Optional[Convert]]] = {}
        self._held: Deque[Tuple[int, str]] = deque()
        self._sent = 0
        self._workers: List[Worker] = []
        self._idle: List[Worker] = []
        self._waiting: Deque[Tuple[Any, Method, Dict[str, Any]]] = deque()
        #: Reads for so many seconds while the event loop stands still; false when nothing came. See :meth:`ask_now`.
        self.pump: Optional[Callable[[float], bool]] = None
        #: How many messages are handled at a time.
        self.window = 1
        #: How many requests of ours may be under way, less than the number at which the runtime stops reading.
        self.in_flight = 64
        #: The longest line, in bytes.
        self.max_line = 1 << 20

    # What comes

    def feed(self, line: bytes) -> None:
        """Takes one line, its line feed included or not. Called outside of any task: a handler's first step is made here."""
        try:
            message = wire.parse(line)
            method = message.get("method")
            params = message.get("params") or {}
            if method is None:
                self._answered(message)
                return
            if "id" not in message:
                if method == "cancel":
                    self._cancel(params.get("id"))
                return
            handler = self._methods.get(method)
        except (ValueError, TypeError, AttributeError) as error:
            # Wrong JSON, or JSON of another shape.
            self._broken(f"a line of the runtime is no message ({error}): {line[:80]!r}")
            return
        if handler is None:
            self._refuse(message["id"], method)
        elif self._idle:
            worker = self._idle.pop()
            if worker.begin(message["id"], handler, params):
                self._idle.append(worker)
        elif len(self._workers) < self.window:
            worker = Worker(self, self.loop)
            self._workers.append(worker)
            if worker.begin(message["id"], handler, params):
                self._idle.append(worker)
        else:
            self._waiting.append((message["id"], handler, params))

    def feed_answer(self, line: bytes) -> None:
        """Takes one line while a plain function waits for an answer: messages wait until it returns."""
        try:
            message = wire.parse(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and "method" not in message:
            self._answered(message)
        else:
            self.loop.call_soon(self.feed, line)

    def next_waiting(self, worker: Worker) -> Optional[Tuple[Any, Method, Dict[str, Any]]]:
        """What a worker that is done handles next; where nothing waits, it is idle from now on."""
        if self._waiting:
            return self._waiting.popleft()
        self._idle.append(worker)
        return None

    @property
    def busy(self) -> bool:
        """Whether some message is being handled."""
        return len(self._idle) < len(self._workers)

    def _cancel(self, id: Any) -> None:
        for worker in self._workers:
            worker.cancel(id)
        for message in self._waiting:
            if message[0] == id:
                self._waiting.remove(message)
                self._error(id, to_answer(PluginError("cancelled", "cancelled before it was begun")))
                break

    def _answered(self, message: Dict[str, Any]) -> None:
        entry = self._pending.pop(message.get("id"), None)  # type: ignore[arg-type]
        if entry is None:
            self._broken(f"an answer to a question that nobody asked: id {message.get('id')!r}")
            return
        self._sent -= 1
        if self._held:
            self._write_held()
        future, convert = entry
        if future.done():
            return
        if "error" in message:
            future.set_exception(from_answer(message["error"]))
            return
        result = message.get("result")
        try:
            future.set_result(result if convert is None else convert(result))
        except Exception as error:
            future.set_exception(PluginError("error", f"an answer of another shape: {error!r}"))

    # What goes

    def answer(self, id: Any, result: Any) -> None:
        """Answers a message with a value."""
        try:
            number = id if type(id) is int else wire.dump(id)
            line = wire.encode(f'{{"jsonrpc":"2.0","id":{number},"result":{wire.dump(result)}}}\n')
            if len(line) > self.max_line:
                raise TooLarge(f"the answer has {len(line)} bytes, a line at most {self.max_line}")
        except PluginError as error:
            self.failed(id, error)
            return
        self._send(line)

    def failed(self, id: Any, error: BaseException) -> None:
        """Answers a message with an error."""
        self._report(str(id), error)
        self._error(id, to_answer(error))

    def _refuse(self, id: Any, method: Any) -> None:
        self._error(id, {"code": NO_SUCH_METHOD, "message": f"no such method: {str(method)[:60]}"})

    def _error(self, id: Any, error: Dict[str, Any]) -> None:
        text = wire.dump({"jsonrpc": "2.0", "id": id, "error": error})
        self._send(text.encode("utf-8", "replace") + b"\n")

    def notify(self, method: str, params: Dict[str, Any]) -> None:
        """Tells the other side something that has no answer."""
        text = wire.dump({"jsonrpc": "2.0", "method": method, "params": params})
        self._send(text.encode("utf-8", "replace") + b"\n")

    def request(self, method: str, params: Dict[str, Any], convert: Optional[Convert] = None) -> "asyncio.Future[Any]":
        """Asks at once, and returns the future of the answer, passed through ``convert``.

        It fails with a :class:`PluginError` of the code that the other side says; ``NotJson`` and ``TooLarge`` are
        found here. ``RuntimeError`` in a thread other than the loop's.
        """
        if threading.get_ident() != self._thread:
            raise RuntimeError(
                f"{method} was asked for in another thread; hand it to the event loop: "
                "asyncio.run_coroutine_threadsafe(a_coroutine(), loop).result()"
            )
        self._next_id = id = self._next_id + 1
        future = Request(self, id)
        try:
            text = f'{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{wire.dump(params)}}}\n'
            line = wire.encode(text)
            if len(line) > self.max_line:
                raise TooLarge(f"{method}: a line of {len(line)} bytes, where {self.max_line} is the longest")
        except PluginError as error:
            future.set_exception(error)
            return future
        self._pending[id] = (future, convert)
        if self._sent < self.in_flight:
            self._sent += 1
            self._send(line)
        else:
            # The runtime would read nothing more, not even our answers.
            self._held.append((id, text))
        return future

    def ask_now(self, method: str, params: Dict[str, Any], patience: float) -> Any:
        """Asks, and waits in place for the answer, for at most ``patience`` seconds: for plain functions alone.

        Everything else of the plugin stands still meanwhile.
        """
        answer = self.request(method, params)
        end = time.monotonic() + patience
        while not answer.done():
            left = end - time.monotonic()
            if self.pump is None or left <= 0 or not self.pump(left):
                answer.cancel()
                raise Timeout(f"{method}: no answer within {patience} s")
        return answer.result()

    def _write_held(self) -> None:
        while self._held and self._sent < self.in_flight:
            id, text = self._held.popleft()
            if id in self._pending:
                self._sent += 1
                self._send(wire.encode(text))

    def withdraw(self, id: int) -> None:
        """Nobody waits for the answer of our request ``id`` any more."""
        if id not in self._pending:
            return
        for entry in self._held:
            if entry[0] == id:
                self._held.remove(entry)
                del self._pending[id]
                return
        self.notify("cancel", {"id": id})

    def close(self) -> None:
        """Ends what is being handled, and fails what is under way."""
        for worker in self._workers:
            worker.close()
        pending, self._pending = self._pending, {}
        for future, _ in pending.values():
            if not future.done():
                asyncio.Future.cancel(future)
