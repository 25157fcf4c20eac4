"""A plugin that answers, waits, fails and calls; and, where it has a lease, writes as fast as it is answered."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from core_runtime import Plugin, PluginError, run, service


class Worker(Plugin):
    concurrency = 8
    writing: Any = None

    @service(".echo")
    async def echo(self, value: Any) -> Any:
        return {"value": value, "pid": os.getppid()}

    @service(".slow")
    async def slow(self, seconds: float) -> str:
        self.note("slow began")
        try:
            await asyncio.sleep(seconds)
        finally:
            self.note("slow ended")
        return "done"

    @service(".fail")
    async def fail(self) -> None:
        raise PluginError("no_such_room", "the room is not known")

    @service(".through")
    async def through(self, service: str, args: Any) -> Any:
        return await self.call(service, args)

    async def on_start(self) -> None:
        lease = await self.state.get(f"cluster.lease.{self.name}") if self.settings.get("writes") else None
        if lease:
            self.writing = asyncio.get_running_loop().create_task(self.write(lease["token"]))

    async def on_stop(self) -> None:
        if self.writing:
            self.writing.cancel()

    async def write(self, token: int) -> None:
        number = 0
        while True:
            number += 1
            key = f"{token}.{number}"
            try:
                revision = await self.call("cluster.put", {"key": key, "value": number, "token": token})
                self.note(f"wrote {revision} {token} {key} {number}")
            except PluginError as error:
                self.note(f"refused {token} {error.code}")
                await asyncio.sleep(0.05)

    def note(self, line: str) -> None:
        with open(os.path.join(self.data, "notes"), "a", encoding="utf-8") as notes:
            notes.write(line + "\n")


if __name__ == "__main__":
    run(Worker)
