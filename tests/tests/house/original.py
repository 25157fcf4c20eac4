"""An integration that was written for the Python original: a lamp and a sensor of a cloud that is not there."""

from core.base_plugin import BasePlugin, PluginMetadata


class CloudPlugin(BasePlugin):
    def __init__(self, runtime=None):
        super().__init__(runtime)
        self.commands = []

    @property
    def metadata(self) -> PluginMetadata:
        return PluginMetadata(name="cloud", version="0.1.0", description="Lamps of a cloud", author="Home Console")

    async def log(self, level, message, **context):
        try:
            await self.runtime.service_registry.call(
                "logger.log", level=level, message=message, plugin=self.metadata.name, context=context
            )
        except Exception:
            pass

    async def on_load(self) -> None:
        await super().on_load()
        await self.runtime.service_registry.register("cloud.sync_devices", self.sync_devices)
        await self.runtime.service_registry.register("cloud.evening", self.evening)
        await self.runtime.event_bus.subscribe("internal.device_command_requested", self.handle_command)

    async def sync_devices(self):
        devices = [
            {"provider": "cloud", "external_id": "cloud-light-kitchen", "type": "light", "name": "Свет на кухне",
             "capabilities": ["on_off", "brightness"], "state": {"on": False, "brightness": 75}},
            {"provider": "cloud", "external_id": "cloud-sensor", "type": "temperature_sensor",
             "capabilities": ["temperature"], "state": {"temperature": 22.5}},
        ]
        for device in devices:
            await self.runtime.event_bus.publish("external.device_discovered", device)
        await self.log("info", "devices are found", count=len(devices))
        found = await self.runtime.service_registry.call("devices.list_external", provider="cloud")
        mapped = await self.runtime.service_registry.call("devices.auto_map_external", provider="cloud")
        return {"found": len(found), "mapped": mapped}

    async def handle_command(self, event_type: str, data: dict) -> None:
        external_id = data.get("external_id")
        if not external_id or not external_id.startswith("cloud-"):
            return
        self.commands.append(data["command"])
        await self.runtime.event_bus.publish(
            "external.device_state_reported", {"external_id": external_id, "state": data["params"], "source": "ws"}
        )

    async def evening(self):
        call = self.runtime.service_registry.call
        before = {device["id"]: device["state"]["reported"] for device in await call("devices.list")}
        await call("devices.turn_on", "device-cloud-light-kitchen")
        result = await call("devices.set_state", "device-cloud-light-kitchen", {"brightness": 20})
        mappings = await call("devices.list_mappings")
        try:
            await call("devices.get", "no-such-device")
            unknown = None
        except Exception as error:
            unknown = str(error)
        await call("devices.create", "manual", name="Вручную", device_type="switch", owner_id="u1")
        manual = await call("devices.get", device_id="manual")
        return {
            "before": before,
            "queued": result["queued"],
            "external_id": result["external_id"],
            "mappings": {mapping["external_id"]: mapping["internal_id"] for mapping in mappings},
            "unknown": unknown,
            "manual": [manual["name"], manual["type"], manual["owner_id"]],
        }
