"""Run by: python3 -m unittest"""

import unittest

from core_runtime import InvalidArgument
from core_runtime.testing import TestRuntime

from main import {Name}


class Test{Name}(unittest.IsolatedAsyncioTestCase):
    async def test_it_heats_when_it_is_cold(self) -> None:
        async with TestRuntime({Name}, name="{name}", settings={"target": 21}) as rt:
            await rt.publish("sensor.kitchen.temperature", {"celsius": 19.5})
            await rt.publish("sensor.kitchen.temperature", {"celsius": 21.5})
            self.assertEqual([event.payload for event in rt.published], [True, False])

    async def test_the_setpoint_is_kept(self) -> None:
        async with TestRuntime({Name}, name="{name}") as rt:
            self.assertEqual(await rt.call("{name}.set", {"target": 18}), 18)
            self.assertEqual(rt.stored, {"target": 18})
            with self.assertRaisesRegex(InvalidArgument, "/target: expected number, got string"):
                await rt.call("{name}.set", {"target": "warm"})

    async def test_it_repeats_itself_every_minute(self) -> None:
        async with TestRuntime({Name}, name="{name}") as rt:
            await rt.advance(seconds=120)
            self.assertEqual([event.payload for event in rt.published], [False, False])


if __name__ == "__main__":
    unittest.main()
