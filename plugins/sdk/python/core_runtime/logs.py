"""Standard logging, on its way to the runtime's log."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Optional

from .errors import PluginError
from .peer import Peer

#: The longest record that is sent, in characters; the rest is left out.
MAX_RECORD = 8000


def level_of(number: int) -> str:
    """The runtime's word for a level of :mod:`logging`."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


class RuntimeHandler(logging.Handler):
    """Sends each record to the runtime's log with its level.

    From the event loop's thread as a message of the protocol; from others, and before the runtime has spoken, as lines
    on standard error, which the runtime reads as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self._peer: Optional[Peer] = None
        self._thread = 0

    def connect(self, peer: Peer) -> None:
        """Sends to this peer from now on; called in the event loop's thread."""
        self._peer = peer
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """As :meth:`logging.Handler.emit`."""
        try:
            message = self.format(record)
            if len(message) > MAX_RECORD:
                message = message[:MAX_RECORD] + " …"
            level = level_of(record.levelno)
            if self._peer is not None and threading.get_ident() == self._thread:
                self._peer.notify("log", {"level": level, "message": message})
            else:
                write_lines(level, message)
        except (PluginError, OSError, ValueError):
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """What cannot be logged is dropped: there is nobody left to tell."""


def write_lines(level: str, message: str) -> None:
    """A message on standard error, each of its lines with the level in front, in one write."""
    prefix = f"{level.upper()} "
    text = "".join(f"{prefix}{line}\n" for line in message.splitlines() or [""])
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode("utf-8", "backslashreplace"))


HANDLER = RuntimeHandler()


def install() -> None:
    """Makes the root logger send to the runtime; records of libraries from INFO on."""
    root = logging.getLogger()
    if HANDLER not in root.handlers:
        # A line for each record: who says it, unless it is the plugin itself.
        HANDLER.setFormatter(_Formatter())
        root.addHandler(HANDLER)
    if root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    logging.captureWarnings(True)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.name in _OWN else f"{record.name}: {text}"


_OWN = {"core_runtime", "root"}


def attach(name: str, peer: Peer) -> logging.Logger:
    """The plugin's logger: all its levels are sent, and the runtime's own filter decides."""
    HANDLER.connect(peer)
    _OWN.add(f"plugin.{name}")
    log = logging.getLogger(f"plugin.{name}")
    if log.level == logging.NOTSET:
        log.setLevel(logging.DEBUG)
    return log
