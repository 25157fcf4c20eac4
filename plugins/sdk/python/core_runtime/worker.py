"""A worker: one task that handles one message after another.

The first step of a handler is made at once, where its message was read, so that a handler that waits for nothing is
answered without another turn of the event loop. A handler that does wait goes on in the worker's task. To the handler
both are the same: ``asyncio.current_task()`` and the context variables are the worker's from its first line.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import types
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Dict, Generator, Optional, Tuple, cast

from .errors import Cancelled

if TYPE_CHECKING:
    from .peer import Peer

#: The number of the call that is being answered: what its handler asks for is caused by it.
HANDLED: contextvars.ContextVar[Any] = contextvars.ContextVar("core_runtime_handled", default=None)

Method = Callable[[Dict[str, Any]], Any]

# A task can be given its context since 3.11; without, the first step would see other variables than the rest.
_EAGER = sys.version_info >= (3, 11)

# Documented for those who step coroutines themselves ("Extending asyncio", task lifetime support).
_enter_task = asyncio.tasks._enter_task
_leave_task = asyncio.tasks._leave_task

_PLAIN = frozenset((type(None), bool, int, float, str, dict, list))


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, Any], yielded: Any, cancelled: bool) -> Generator[Any, Any, Any]:
    """Goes on with a coroutine whose first step was made and yielded ``yielded``."""
    try:
        if cancelled:
            yielded = coroutine.throw(asyncio.CancelledError())
        while True:
            try:
                value = yield yielded
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: B036 - it is the coroutine's
                yielded = coroutine.throw(error)
            else:
                yielded = coroutine.send(value)
    except StopIteration as stop:
        return stop.value


async def _wait(awaitable: Any) -> Any:
    return await awaitable


async def _whole(method: Method, params: Dict[str, Any]) -> Any:
    result = method(params)
    return await result if hasattr(result, "__await__") else result


class Worker:
    """See the module. Made by a :class:`Peer`, which hands it a message only when it is idle."""

    __slots__ = (
        "_peer",
        "_loop",
        "_context",
        "_task",
        "_wake",
        "_started",
        "_running",
        "_cancelled",
        "_closed",
        "_cause",
        "id",
    )

    def __init__(self, peer: "Peer", loop: asyncio.AbstractEventLoop) -> None:
        self._peer = peer
        self._loop = loop
        self._context = contextvars.copy_context()
        self._wake: asyncio.Future[None] = loop.create_future()
        self._started: Optional[Tuple[Coroutine[Any, Any, Any], Any]] = None
        self._running = False
        self._cancelled = False
        self._closed = False
        self._cause: Any = None
        #: The message in hand, ``None`` when idle.
        self.id: Any = None
        if _EAGER:
            make = cast(Callable[..., "asyncio.Task[None]"], loop.create_task)
            self._task = make(self._run(), context=self._context)
        else:
            self._task = loop.create_task(self._run())

    def begin(self, id: Any, method: Method, params: Dict[str, Any]) -> bool:
        """Handles a message outside of any task: true when it was answered, false when the rest is left to the task."""
        self.id = id
        try:
            done, result = self._context.run(self._first, method, params)
        except Exception as error:
            self._peer.failed(id, error)
        else:
            if not done:
                self._started = result
                self._wake.set_result(None)
                return False
            self._peer.answer(id, result)
        self.id = None
        return True

    def cancel(self, id: Any) -> None:
        """The handler of message ``id``, where it is still in hand, gets ``asyncio.CancelledError`` where it waits."""
        if self.id != id:
            return
        if not self._running:
            # A task that is cancelled before its first turn would never have one.
            self._loop.call_soon(self.cancel, id)
            return
        self._cancelled = True
        self._task.cancel()

    def close(self) -> None:
        """Ends the task, and what it handles."""
        self._closed = True
        self._task.cancel()

    def _first(self, method: Method, params: Dict[str, Any]) -> Tuple[bool, Any]:
        """The first step: (True, result), or (False, what the rest goes on with)."""
        self._cause = self.id if method is self._peer.causal else None
        HANDLED.set(self._cause)
        _enter_task(self._loop, self._task)
        try:
            result = method(params)
            if type(result) in _PLAIN:
                return True, result
            if not isinstance(result, types.CoroutineType):
                if not hasattr(result, "__await__"):
                    return True, result
                result = _wait(result)
            if not _EAGER:
                return False, (result, None)
            try:
                return False, (result, result.send(None))
            except StopIteration as stop:
                return True, stop.value
        finally:
            _leave_task(self._loop, self._task)

    async def _run(self) -> None:
        self._running = True
        while True:
            try:
                await self._wake
            except asyncio.CancelledError:
                # The message was cancelled, unless the event loop ends and cancels every task.
                if self._closed or not self._cancelled:
                    raise
            if self._started is not None:
                await self._handle(*self._started)
            self._forgive()
            while not self._closed:
                message = self._peer.next_waiting(self)
                if message is None:
                    break
                self.id, method, params = message
                self._cause = self.id if method is self._peer.causal else None
                await self._handle(_whole(method, params), None)
                self._forgive()

    async def _handle(self, coroutine: Coroutine[Any, Any, Any], yielded: Any) -> None:
        """Handles the message in hand to its end."""
        id = self.id
        self._started = None
        self._wake = self._loop.create_future()
        HANDLED.set(self._cause)
        try:
            result = await _rest(coroutine, yielded, self._cancelled)
        except asyncio.CancelledError:
            if self._closed or (not self._cancelled and self._is_cancelled()):
                raise
            # The message was cancelled, or the handler waited for something that was.
            self.id = None
            self._peer.failed(id, Cancelled("cancelled: nobody waits for the answer any more"))
        except Exception as error:
            self.id = None
            self._peer.failed(id, error)
        else:
            self.id = None
            self._peer.answer(id, result)

    def _is_cancelled(self) -> bool:
        cancelling = getattr(self._task, "cancelling", None)
        return cancelling is not None and cancelling() > 0

    def _forgive(self) -> None:
        """Takes a cancellation back (3.11 and later count them), so that the next handler does not inherit it."""
        if self._cancelled:
            self._cancelled = False
            uncancel = getattr(self._task, "uncancel", None)
            if uncancel is not None:
                uncancel()
