"""The conformance plugin in Python; see README.md. The first argument is its window, 1 unless given."""

import asyncio
import subprocess
import sys
import time
from typing import Any, Dict, List

from core_runtime import Event, Plugin, PluginError, every, on, run, service


class Conformance(Plugin):
    concurrency = int(sys.argv[1]) if len(sys.argv) > 1 else 1

    def __init__(self) -> None:
        self.called: List[str] = []
        self.seen: List[Dict[str, Any]] = []
        self.ticked = 0

    def on_load(self) -> None:
        self.called.append("load")

    async def on_start(self) -> None:
        self.called.append("start")

    async def on_stop(self) -> None:
        self.called.append("stop")
        await self.storage.set("hooks", self.called)

    @on(".event.>")
    async def event(self, event: Event) -> None:
        self.seen.append({"topic": event.topic, "payload": event.payload, "seq": event.seq})
        if event.payload == "crash":
            raise RuntimeError("as it was told to")

    @every(milliseconds=100)
    def tick(self) -> None:
        self.ticked += 1

    @service(".hooks")
    def hooks(self) -> List[str]:
        return self.called

    @service(".about")
    def about(self) -> Dict[str, Any]:
        return {"name": self.name, "settings": self.settings, "permissions": self.permissions}

    @service(".echo")
    async def echo(self, args: Any = None) -> Any:
        return args

    @service(".long")
    def long(self, size: int) -> str:
        return "x" * size

    @service(".fail")
    async def fail(self, code: str, message: str) -> None:
        raise PluginError(code, message)

    @service(".crash")
    def crash(self) -> None:
        raise KeyError("as it was told to")

    @service(".events")
    def events(self) -> List[Dict[str, Any]]:
        return self.seen

    @service(".print")
    async def print(self, text: str) -> None:
        print(text)
        subprocess.run(["echo", f"a child says {text}"])

    @service(".log")
    def write_log(self, level: str, message: str) -> None:
        getattr(self.log, {"warn": "warning"}.get(level, level))(message)

    @service(".call")
    async def make_call(self, service: str, args: Any = None) -> Dict[str, Any]:
        try:
            return {"reply": await self.call(service, args)}
        except PluginError as error:
            return {"error": error.code}

    @service(".publish")
    async def make_event(self, topic: str, payload: Any) -> int:
        return await self.publish(topic, payload)

    @service(".keep")
    async def keep(self, value: Any) -> List[Any]:
        await self.state.set(".kept", value)
        await self.storage.set("kept", value)
        return [await self.state.get(".kept"), await self.storage.get("kept")]

    @service(".burst")
    async def burst(self, number: int) -> int:
        return len(await asyncio.gather(*(self.publish(".burst", each) for each in range(number))))

    @service(".ticks")
    def ticks(self) -> int:
        return self.ticked

    @service(".hang")
    async def hang(self) -> None:
        await asyncio.sleep(3600)

    @service(".block")
    def block(self) -> None:
        time.sleep(3600)

    @service(".slow")
    async def slow(self, ms: int) -> int:
        await asyncio.sleep(ms / 1000)
        return ms


run(Conformance)
