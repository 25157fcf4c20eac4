"""The example plugin in Python: one service, one subscription, one stored value.

- Service `NAME.hello` takes a name and answers "Привет, <name>!"; NAME is that under which the plugin is installed.
- It subscribes to `example.test` and counts what comes.
- Under `status` it stores that it was started, or stopped.
"""

from core_runtime import Event, Plugin, on, run, service


class Example(Plugin):
    version = "1.0.0"
    received = 0

    @service(".hello", examples=["Мир"])
    def hello(self, name: str) -> str:
        """Greets whoever it is told."""
        return f"Привет, {name}!"

    @on("example.test")
    def count(self, event: Event) -> None:
        self.received += 1

    async def on_start(self) -> None:
        await self.storage.set("status", {"state": "started", "message": "Плагин запущен"})

    async def on_stop(self) -> None:
        await self.storage.set("status", {"state": "stopped", "message": "Плагин остановлен"})


if __name__ == "__main__":
    run(Example)
