"""A plugin of the original as its README has it: some calls awaited, some not. It is checked on what any plugin is."""

from core.base_plugin import BasePlugin, PluginMetadata


class ConformingPlugin(BasePlugin):
    @property
    def metadata(self):
        return PluginMetadata(name="conformance", version="1.0.0", description="A plugin of the original")

    async def on_load(self):
        await super().on_load()
        self.runtime.service_registry.register("conformance.hello", self.hello)
        self.runtime.event_bus.subscribe("conformance.event", self.on_event)

    async def on_start(self):
        await super().on_start()
        await self.runtime.storage.set("conformance", "status", {"state": "started"})
        print("plugins:", self.runtime.plugin_manager.list_plugins())

    async def hello(self, name):
        return f"Привет, {name}!"

    async def on_event(self, event_type, data):
        await self.runtime.service_registry.call("logger.log", level="info", message=event_type, plugin="conformance")
