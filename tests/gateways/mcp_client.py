"""Asks a runtime by the Model Context Protocol, with the library that everybody uses, and prints what came as JSON.

    mcp_client.py stdio COMMAND ARGUMENT...
    mcp_client.py http URL KEY
"""

import asyncio
import json
import sys

import httpx2
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def text_of(result):
    return {"error": bool(result.is_error), "text": "".join(part.text for part in result.content)}


async def ask(read, write):
    found = {}
    async with ClientSession(read, write) as session:
        about = await session.initialize()
        found["server"] = about.server_info.name
        tools = (await session.list_tools()).tools
        found["tools"] = {tool.name: tool.model_dump(mode="json", by_alias=True) for tool in tools}
        found["hello"] = text_of(await session.call_tool("example__hello", {"value": "Ann"}))
        found["wrong"] = text_of(await session.call_tool("example__hello", {"value": 5}))
        lamp = {"id": "lamp", "name": "Lamp", "type": "light", "owner_id": "model"}
        found["created"] = text_of(await session.call_tool("devices__create", lamp))
        found["denied"] = text_of(await session.call_tool("users__list", {}))
        try:
            await session.call_tool("nobody__home", {})
            found["unknown"] = None
        except Exception as refused:
            found["unknown"] = str(refused)
        found["templates"] = [
            template.uri_template for template in (await session.list_resource_templates()).resource_templates
        ]
        found["resources"] = [resource.uri for resource in (await session.list_resources()).resources]
        for name, uri in [("state", "runtime://state/test%2Ea"), ("events", "runtime://events/test.%3E")]:
            contents = (await session.read_resource(uri)).contents
            found[name] = json.loads(contents[0].text)
    return found


async def main():
    kind, *rest = sys.argv[1:]
    if kind == "stdio":
        command, *arguments = rest
        async with stdio_client(StdioServerParameters(command=command, args=arguments)) as (read, write):
            return await ask(read, write)
    url, key = rest
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        async with streamable_http_client(url, http_client=client) as streams:
            return await ask(streams[0], streams[1])


print(json.dumps(asyncio.run(asyncio.wait_for(main(), 120))))
