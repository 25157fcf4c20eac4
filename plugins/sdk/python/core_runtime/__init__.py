"""Plugins of Core Runtime in Python.

::

    from core_runtime import Event, Plugin, every, on, run, service

    class Thermostat(Plugin):
        target = 21.0

        @on("sensor.*.temperature")
        async def measured(self, event: Event) -> None:
            await self.publish("heating.switch", event.payload["celsius"] < self.target)

        @service("thermostat.set")
        def set(self, target: float) -> float:
            \"\"\"Sets the temperature, in degrees Celsius.\"\"\"
            self.target = target
            return target

    run(Thermostat)
"""

from .__about__ import VERSION as __version__
from .declare import every, on, service
from .errors import (
    Busy,
    Cancelled,
    Conflict,
    Denied,
    Gone,
    InvalidArgument,
    InvalidSettings,
    NotFound,
    NotJson,
    PluginError,
    Taken,
    Timeout,
    TooLarge,
)
from .plugin import Event, Plugin
from .process import run
from .types import decode
from .values import State, Storage, Transaction, Versioned

__all__ = [
    "Busy",
    "Cancelled",
    "Conflict",
    "Denied",
    "Event",
    "Gone",
    "InvalidArgument",
    "InvalidSettings",
    "NotFound",
    "NotJson",
    "Plugin",
    "PluginError",
    "State",
    "Storage",
    "Taken",
    "Timeout",
    "TooLarge",
    "Transaction",
    "Versioned",
    "__version__",
    "decode",
    "every",
    "on",
    "run",
    "service",
]
