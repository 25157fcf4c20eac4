"""The plugin as a process: its descriptors, its event loop, and when it leaves."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import select
import stat
import sys
import threading
from typing import Any, Callable, List, NoReturn, Optional, Type

from .logs import install, write_lines
from .plugin import Plugin
from .selector import ProtocolSelector, new_event_loop
from .session import Session

#: How much is read at a time, in bytes: what a pipe holds.
CHUNK = 65536

#: Seconds between looks at who the parent is, where the system has no descriptor for that.
LOOK = 2.0

#: Seconds that a hanging event loop has, once standard input has ended, to read what is left and to leave by itself.
GRACE = 0.25

#: Seconds that handlers have, once standard input has ended, to end as well.
LAST = 0.05


def take_descriptors() -> "tuple[int, int]":
    """Keeps standard input and output to ourselves: private descriptors that no child inherits.

    What anybody prints goes to standard error from now on, which is the log; reading from standard input gives nothing.
    """
    first_free = 3
    reading = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, first_free)
    writing = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, first_free)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def close_in_child() -> None:
        # A child by fork alone has them all the same.
        for descriptor in (reading, writing):
            try:
                os.close(descriptor)
            except OSError:
                pass

    os.register_at_fork(after_in_child=close_in_child)
    sys.stdout = _to_the_log(sys.stdout, 1)
    sys.stderr = _to_the_log(sys.stderr, 2)
    return reading, writing


def _to_the_log(stream: Any, descriptor: int) -> Any:
    """The stream, in UTF-8 and line by line; what was printed before is let out to where it goes now."""
    try:
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")
        return stream
    except (AttributeError, OSError, ValueError):
        # None, another object in its place, or a file that was replaced by a pipe.
        return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


class Writer:
    """Writes lines without ever blocking the event loop: what the pipe does not take now waits here."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._left = bytearray()
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.set_blocking(descriptor, False)

    def send(self, line: bytes) -> None:
        """Takes a whole line."""
        if self._left:
            self._left += line
            return
        try:
            written = os.write(self._descriptor, line)
        except BlockingIOError:
            written = 0
        except OSError:
            # Nobody reads any more: the end of standard input follows.
            return
        if written < len(line):
            self._left += line[written:]
            self._loop.add_writer(self._descriptor, self._more)

    def flush(self, patience: float) -> None:
        """Waits until the pipe has taken everything, for at most ``patience`` seconds."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self._left and poll.poll(max(1, round(patience * 1000))):
            self._more()

    def _more(self) -> None:
        try:
            written = os.write(self._descriptor, self._left[:CHUNK])
        except BlockingIOError:
            return
        except OSError:
            written = len(self._left)
        del self._left[:written]
        if not self._left:
            self._loop.remove_writer(self._descriptor)


class Reader:
    """Cuts what comes into lines."""

    def __init__(self, descriptor: int, feed: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._feed = feed
        self._ended = ended
        self._begun: List[bytes] = []

    def read(self) -> None:
        """Called when there is something to read."""
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended()
            return
        end = data.find(b"\n") + 1
        if end == len(data) and not self._begun:
            self._feed(data)
            return
        self._several(data, self._feed)

    def pump(self, patience: float, feed: Callable[[bytes], None]) -> bool:
        """Waits for something to read, and hands its lines to ``feed``; false when nothing came in time."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(max(1, round(patience * 1000))):
            return False
        data = os.read(self._descriptor, CHUNK)
        if not data:
            leave()
        self._several(data, feed)
        return True

    def _several(self, data: bytes, feed: Callable[[bytes], None]) -> None:
        lines = data.split(b"\n")
        if len(lines) > 1 and self._begun:
            lines[0] = b"".join((*self._begun, lines[0]))
            self._begun.clear()
        last = lines.pop()
        for line in lines:
            feed(line)
        if last:
            self._begun.append(last)


def leave(status: int = 0) -> NoReturn:
    """Ends the process at once, whatever its threads do."""
    os._exit(status)


def watch(reading: int) -> None:
    """Leaves when standard input has ended or the parent is gone, even while the event loop hangs. Runs in a thread."""
    parent = os.getppid()
    poll = select.poll()
    # Asked for nothing, it says that the other end is closed, and sleeps through all that is sent.
    poll.register(reading, 0)
    timeout: Optional[float] = LOOK * 1000
    try:
        poll.register(os.pidfd_open(parent), select.POLLIN)
        timeout = None
    except (AttributeError, OSError):
        pass
    while True:
        ready = poll.poll(timeout)
        if any(descriptor == reading for descriptor, _ in ready):
            # The event loop reads what is left and leaves by itself, unless it hangs.
            threading.Event().wait(GRACE)
            leave()
        if os.getppid() != parent:
            leave()


def _live(kind: Type[Plugin], reading: int, writing: int) -> None:
    loop, selector = new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_begun(kind, reading, writing, selector))
    loop.run_forever()


async def _begun(kind: Type[Plugin], reading: int, writing: int, selector: Optional[ProtocolSelector]) -> None:
    loop = asyncio.get_running_loop()
    writer = Writer(writing, loop)
    session = Session(kind, writer.send)

    def ended() -> None:
        if selector is not None:
            selector.forget()
        else:
            loop.remove_reader(reading)
        if session.peer.busy:
            loop.call_later(LAST, leave)
        else:
            leave()

    reader = Reader(reading, session.feed, ended)

    def pump(patience: float) -> bool:
        writer.flush(patience)
        return reader.pump(patience, session.peer.feed_answer)

    session.peer.pump = pump
    try:
        if selector is not None:
            selector.attend(reading, reader.read)
        else:
            loop.add_reader(reading, reader.read)
    except PermissionError:
        raise RuntimeError("standard input is a file: it must be a pipe, a socket or a terminal") from None
    threading.Thread(target=watch, args=(reading,), name="core-runtime-watch", daemon=True).start()


def run(kind: Type[Plugin]) -> NoReturn:
    """Runs a plugin as this process, until its standard input ends. The last line of a plugin's main file."""
    if not (isinstance(kind, type) and issubclass(kind, Plugin)):
        raise TypeError(f"run() takes a class that derives from Plugin, as in run(Thermostat), got {kind!r}")
    serve(lambda reading, writing: _live(kind, reading, writing))


def serve(live: Callable[[int, int], None]) -> NoReturn:
    """Takes the descriptors, and runs ``live(reading, writing)``, which ends with the process."""
    if os.isatty(0):
        sys.stderr.write(
            f"{os.path.basename(sys.argv[0])} is a plugin: the runtime starts it and speaks with it. "
            "Try it by 'core-runtime plugin dev FOLDER'.\n"
        )
        sys.exit(2)
    reading, writing = take_descriptors()
    install()
    try:
        live(reading, writing)
    except KeyboardInterrupt:
        leave(130)
    except SystemExit as error:
        leave(error.code if isinstance(error.code, int) else 1)
    except BaseException as error:
        write_lines("error", f"the plugin ends: {type(error).__name__}: {error}")
        logging.getLogger("core_runtime").debug("why it ends", exc_info=error)
        leave(1)
    leave()
