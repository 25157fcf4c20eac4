"""A plugin of the runtime that boards call, and that calls boards."""

from __future__ import annotations

from typing import Any

from core_runtime import Plugin, PluginError, run, service


class Attic(Plugin):
    @service(".echo")
    async def echo(self, args: Any) -> Any:
        return args

    @service(".fail")
    async def fail(self, args: Any) -> Any:
        raise PluginError("no_luck", "it was not to be")

    @service(".pass")
    async def pass_on(self, service: str, args: Any) -> Any:
        return await self.call(service, args)


if __name__ == "__main__":
    run(Attic)
