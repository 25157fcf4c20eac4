"""Where the event loop waits, the protocol is read.

An event loop that is told of a readable descriptor makes a handle of it, queues it, and runs it in a context of its own. For
one descriptor, the protocol's, this selector reads and handles what came before the loop hears of it, which saves a tenth of
a call. Everything else is a selector as any other.
"""

from __future__ import annotations

import asyncio
import logging
import math
import select
import selectors
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

Ready = List[Tuple[selectors.SelectorKey, int]]


class ProtocolSelector(selectors.BaseSelector):
    """A selector over epoll that calls a function where one descriptor is readable."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._keys: Dict[int, selectors.SelectorKey] = {}
        self._protocol = -1
        self._read: Callable[[], None] = lambda: None

    def attend(self, descriptor: int, read: Callable[[], None]) -> None:
        """Calls ``read`` in the event loop's thread, outside of any task, whenever ``descriptor`` is readable."""
        self._protocol = descriptor
        self._read = read
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self) -> None:
        """Ends :meth:`attend`."""
        self._epoll.unregister(self._protocol)
        self._protocol = -1

    def select(self, timeout: Optional[float] = None) -> Ready:
        """As of any selector; the protocol is never among what is ready."""
        if timeout is None:
            timeout = -1
        else:
            # Rounded up, so that a timer is not looked at before it is due.
            timeout = math.ceil(timeout * 1e3) * 1e-3 if timeout > 0 else 0
        ready: Ready = []
        try:
            polled = self._epoll.poll(timeout, len(self._keys) + 1)
        except InterruptedError:
            return ready
        for descriptor, mask in polled:
            if descriptor == self._protocol:
                try:
                    self._read()
                except Exception:
                    logging.getLogger("core_runtime").exception("a message could not be handled")
                continue
            key = self._keys.get(descriptor)
            if key is not None:
                # What is neither (an error, the other end closed) wakes whoever waits for one of them.
                readable = selectors.EVENT_READ if mask & ~select.EPOLLOUT else 0
                writable = selectors.EVENT_WRITE if mask & ~select.EPOLLIN else 0
                ready.append((key, (readable | writable) & key.events))
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As of any selector."""
        key = selectors.SelectorKey(fileobj, _descriptor(fileobj), events, data)
        if key.fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self._epoll.register(key.fd, _mask(events))
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As of any selector."""
        key = self._keys.pop(self._find(fileobj))
        try:
            self._epoll.unregister(key.fd)
        except OSError:
            # Closed already.
            pass
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As of any selector."""
        old = self._keys[self._find(fileobj)]
        key = old._replace(events=events, data=data)
        if events != old.events:
            self._epoll.modify(key.fd, _mask(events))
        self._keys[key.fd] = key
        return key

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What is registered, by descriptor."""
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As of any selector."""
        return self._keys[self._find(fileobj)]

    def close(self) -> None:
        """As of any selector."""
        self._epoll.close()
        self._keys.clear()

    def _find(self, fileobj: Any) -> int:
        try:
            return _descriptor(fileobj)
        except ValueError:
            # An object that was closed is still known.
            for key in self._keys.values():
                if key.fileobj is fileobj:
                    return key.fd
            raise


def _descriptor(fileobj: Any) -> int:
    descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
    if descriptor < 0:
        raise ValueError(f"{fileobj!r} has no descriptor")
    return int(descriptor)


def _mask(events: int) -> int:
    readable = select.EPOLLIN if events & selectors.EVENT_READ else 0
    return readable | (select.EPOLLOUT if events & selectors.EVENT_WRITE else 0)


def new_event_loop() -> "Tuple[asyncio.AbstractEventLoop, Optional[ProtocolSelector]]":
    """An event loop, and its selector where the system has epoll."""
    if not hasattr(select, "epoll"):
        return asyncio.new_event_loop(), None
    selector = ProtocolSelector()
    return asyncio.SelectorEventLoop(selector), selector
