"""What the original's methods return here: under way at once, awaited or not.

The original's are coroutines, and its own plugins call some of them without ``await``. A :class:`Doing` has begun when
it is returned. It passes for a coroutine (``asyncio.create_task``, ``gather``, ``run_coroutine_threadsafe`` take it), in
the event loop of the plugin, in another thread, and in another event loop.

An error is never lost: whoever awaits gets it; in a hook it fails the hook, awaited or not; elsewhere it is logged.
"""

from __future__ import annotations

import asyncio
import builtins
import collections.abc
import concurrent.futures
import contextvars
import logging
import re
from typing import Any, Callable, Generator, Generic, List, Optional, TypeVar

from ..errors import PluginError

T = TypeVar("T")

#: Seconds that a hook waits for what it began and did not await.
PATIENCE = 5.0

_RAISED = re.compile(r"([A-Z]\w+)(?:: (.*))?", re.DOTALL)


def translated(error: PluginError) -> Exception:
    """The exception that the original would have raised for an error of the runtime or of another plugin."""
    if error.code == "timeout":
        return asyncio.TimeoutError(error.message)
    if error.code in ("not_found", "taken", "invalid_name", "reserved"):
        return ValueError(error.message)
    if error.code == "invalid_argument":
        return TypeError(error.message)
    if error.code == "error":
        # What a handler of another process raised is named in front of its message.
        found = _RAISED.fullmatch(error.message)
        kind = getattr(builtins, found.group(1), None) if found else None
        if found and isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return kind(found.group(2) or "")
            except TypeError:
                pass
    return error


class Scope:
    """What was begun in a hook, and may not be awaited by it."""

    def __init__(self) -> None:
        self._begun: Optional[List["Doing[Any]"]] = []

    def add(self, doing: "Doing[Any]") -> None:
        """Notes one; after :meth:`finish` it is left to itself."""
        if self._begun is not None:
            self._begun.append(doing)

    async def finish(self) -> None:
        """Waits for those that nobody awaits, though not for ever; raises the first error among them."""
        # Tasks that the hook made have a turn, and await theirs.
        await asyncio.sleep(0)
        begun, self._begun = self._begun or [], None
        left = [doing.future for doing in begun if not doing.awaited and doing.future is not None]
        if not left:
            return
        await asyncio.wait(left, timeout=PATIENCE)
        failures = [future.exception() for future in left if future.done() and not future.cancelled()]
        errors = [error for error in failures if error is not None]
        for error in errors[1:]:
            logging.getLogger("core_runtime").error("what nobody awaited failed", exc_info=error)
        if errors:
            raise translated(errors[0]) if isinstance(errors[0], PluginError) else errors[0]


#: The hook that is under way in this context.
SCOPE: "contextvars.ContextVar[Optional[Scope]]" = contextvars.ContextVar("core_runtime_hook", default=None)


class Doing(collections.abc.Coroutine, Generic[T]):  # type: ignore[type-arg]
    """See the module. ``begin`` returns the future of the result; it is called in ``loop``, at once where that is running."""

    def __init__(self, loop: asyncio.AbstractEventLoop, begin: Callable[[], "asyncio.Future[Any]"]) -> None:
        self.awaited = False
        self._loop = loop
        self._begin = begin
        #: The result, once it was begun.
        self.future: "Optional[asyncio.Future[Any]]" = None
        self._bridge: "Optional[concurrent.futures.Future[Any]]" = None
        self._steps: Optional[Generator[Any, Any, T]] = None
        if _running_loop() is loop:
            self.future = begin()
            scope = SCOPE.get()
            if scope is not None:
                scope.add(self)
        else:
            self._bridge = concurrent.futures.Future()
            loop.call_soon_threadsafe(self._begin_from_elsewhere)

    def _begin_from_elsewhere(self) -> None:
        self.future = self._begin()
        self.future.add_done_callback(self._hand_over)

    def _hand_over(self, future: "asyncio.Future[Any]") -> None:
        bridge = self._bridge
        if bridge is None or not bridge.set_running_or_notify_cancel():
            return
        if future.cancelled():
            bridge.set_exception(asyncio.CancelledError())
        elif future.exception() is not None:
            bridge.set_exception(future.exception())
            if not self.awaited:
                message = "what another thread asked for, and did not wait for, failed"
                self._loop.call_exception_handler({"message": message, "exception": future.exception()})
        else:
            bridge.set_result(future.result())

    def __await__(self) -> Generator[Any, Any, T]:
        self.awaited = True
        running = asyncio.get_running_loop()
        try:
            if running is self._loop:
                if self.future is None:
                    # It came from another thread, and its turn has not come yet.
                    self.future = self._begin()
                    self._begin = lambda: self.future  # type: ignore[assignment,return-value]
                result = yield from self.future.__await__()
            else:
                if self._bridge is None:
                    self._bridge = concurrent.futures.Future()
                    assert self.future is not None
                    self._loop.call_soon_threadsafe(self.future.add_done_callback, self._hand_over)
                result = yield from asyncio.wrap_future(self._bridge, loop=running).__await__()
        except PluginError as error:
            raise translated(error) from None
        return result  # type: ignore[no-any-return]

    # A coroutine's methods, for those who insist on one.

    def send(self, value: Any) -> Any:
        """As of a coroutine."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """As of a coroutine."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.throw(*error)

    def close(self) -> None:
        """As of a coroutine; what is under way goes on."""
        if self._steps is not None:
            self._steps.close()


def _running_loop() -> Optional[asyncio.AbstractEventLoop]:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
