"""Switches the heating by the temperature."""

from __future__ import annotations

from dataclasses import dataclass

from core_runtime import Event, Plugin, every, on, run, service


@dataclass
class Settings:
    target: float = 21.0


class {Name}(Plugin):
    settings: Settings
    heating = False

    async def on_start(self) -> None:
        self.target = await self.storage.get("target", self.settings.target)

    @on("sensor.*.temperature")
    async def measured(self, event: Event) -> None:
        self.heating = event.payload["celsius"] < self.target
        await self.publish("heating.switch", self.heating)

    @service(".set", examples=[{"target": 21.5}])
    async def set(self, target: float) -> float:
        """Sets the temperature to keep, in degrees Celsius."""
        await self.storage.set("target", target)
        self.target = target
        return target

    @every(minutes=1)
    async def repeat(self) -> None:
        await self.publish("heating.switch", self.heating)


if __name__ == "__main__":
    run({Name})
