"""Run by: python3 -m unittest, with the SDK on PYTHONPATH."""

import unittest

from core_runtime.testing import TestRuntime

from main import Example


class TestExample(unittest.IsolatedAsyncioTestCase):
    async def test_the_whole_of_it(self) -> None:
        async with TestRuntime(Example, name="example", permissions={"subscribe": ["example.test"]}) as rt:
            self.assertEqual(rt.stored["status"], {"state": "started", "message": "Плагин запущен"})
            self.assertEqual(await rt.call("example.hello", "Мир"), "Привет, Мир!")
            await rt.publish("example.test", {"data": "test"})
            await rt.publish("example.other", {"data": "test"})
            self.assertEqual(rt.plugin.received, 1)
            await rt.stop()
            self.assertEqual(rt.stored["status"], {"state": "stopped", "message": "Плагин остановлен"})


if __name__ == "__main__":
    unittest.main()
