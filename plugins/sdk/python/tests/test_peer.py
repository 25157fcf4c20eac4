"""The peer and its workers, line by line."""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import threading
import unittest
from typing import Any, Callable, Dict, List

from core_runtime.errors import PluginError
from core_runtime.peer import Peer

VARIABLE: "contextvars.ContextVar[int]" = contextvars.ContextVar("variable", default=0)


class Lines(unittest.IsolatedAsyncioTestCase):
    def peer(self, **methods: Callable[[Dict[str, Any]], Any]) -> Peer:
        self.sent: List[Any] = []
        self.broken: List[str] = []
        self.reported: List[BaseException] = []
        peer = Peer(
            lambda line: self.sent.append(json.loads(line)),
            dict(methods),
            lambda id, error: self.reported.append(error),
            self.broken.append,
        )
        self.addCleanup(peer.close)
        return peer

    async def feed(self, peer: Peer, **message: Any) -> None:
        # As the reader does it: outside of any task.
        line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        asyncio.get_running_loop().call_soon(peer.feed, line)
        await asyncio.sleep(0)

    async def answers(self, number: int) -> None:
        """Waits until so many lines were sent."""
        for _ in range(500):
            if len(self.sent) >= number:
                break
            await asyncio.sleep(0.01)

    async def test_a_handler_that_waits_for_nothing_is_answered_before_feed_returns(self) -> None:
        async def call(params: Dict[str, Any]) -> Any:
            return params["x"]

        peer = self.peer(call=call, event=lambda params: None)
        await self.feed(peer, id=1, method="event", params={})
        self.assertEqual(self.sent, [{"jsonrpc": "2.0", "id": 1, "result": None}])
        await self.feed(peer, id=2, method="call", params={"x": [1]})
        if sys.version_info < (3, 11):
            # Before, a coroutine gets its first step from the event loop.
            await self.answers(2)
        self.assertEqual(self.sent[1:], [{"jsonrpc": "2.0", "id": 2, "result": [1]}])

    async def test_the_first_step_and_the_rest_are_one_task_with_one_context(self) -> None:
        async def call(params: Dict[str, Any]) -> Any:
            before = asyncio.current_task()
            VARIABLE.set(params["x"])
            await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.sleep(0.001), 1)
            return before is asyncio.current_task() is not None, VARIABLE.get()

        peer = self.peer(call=call)
        peer.window = 2
        await self.feed(peer, id=1, method="call", params={"x": 1})
        await self.feed(peer, id=2, method="call", params={"x": 2})
        await self.answers(2)
        self.assertEqual([answer["result"] for answer in self.sent], [[True, 1], [True, 2]])
        self.assertEqual(VARIABLE.get(), 0)

    async def test_a_timeout_in_the_first_step_ends_the_handler_and_not_the_worker(self) -> None:
        async def call(params: Dict[str, Any]) -> Any:
            try:
                await asyncio.wait_for(asyncio.sleep(10), 0.001)
            except asyncio.TimeoutError:
                return "late"

        peer = self.peer(call=call)
        for id in (1, 2):
            await self.feed(peer, id=id, method="call", params={})
            await self.answers(id)
        self.assertEqual([answer["result"] for answer in self.sent], ["late", "late"])

    async def test_more_than_the_window_waits_in_order(self) -> None:
        order: List[int] = []

        async def event(params: Dict[str, Any]) -> None:
            await asyncio.sleep(0)
            order.append(params["x"])

        peer = self.peer(event=event)
        for number in range(5):
            await self.feed(peer, id=number + 1, method="event", params={"x": number})
        await self.answers(5)
        self.assertEqual(order, [0, 1, 2, 3, 4])
        self.assertEqual([answer["id"] for answer in self.sent], [1, 2, 3, 4, 5])

    async def test_a_message_is_cancelled_while_it_waits_and_before_it_was_begun(self) -> None:
        begun: List[int] = []

        async def call(params: Dict[str, Any]) -> Any:
            begun.append(params["x"])
            await asyncio.sleep(0.01)
            return params["x"]

        peer = self.peer(call=call)
        loop = asyncio.get_running_loop()
        messages: List[Dict[str, Any]] = [{"id": id, "method": "call", "params": {"x": id}} for id in (1, 2, 3)] + [
            {"method": "cancel", "params": {"id": id}} for id in (1, 2, 99)
        ]
        # All in one turn: the first is cancelled before its task had one.
        for message in messages:
            loop.call_soon(peer.feed, json.dumps(message).encode())
        await self.answers(3)
        by_id = {answer["id"]: answer for answer in self.sent}
        self.assertEqual(len(self.sent), 3)
        self.assertEqual(by_id[1]["error"]["data"]["code"], "cancelled")
        self.assertEqual(by_id[2]["error"]["data"]["code"], "cancelled")
        self.assertEqual(by_id[3]["result"], 3)
        self.assertNotIn(2, begun)

    async def test_a_handler_may_swallow_its_cancellation(self) -> None:
        begun = asyncio.Event()

        async def call(params: Dict[str, Any]) -> Any:
            begun.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return "half"

        peer = self.peer(call=call)
        for id in (1, 2):
            begun.clear()
            await self.feed(peer, id=id, method="call", params={})
            await begun.wait()
            await self.feed(peer, method="cancel", params={"id": id})
            await self.answers(id)
        self.assertEqual([answer["result"] for answer in self.sent], ["half", "half"])

    async def test_a_handler_whose_own_task_was_cancelled_is_answered(self) -> None:
        async def call(params: Dict[str, Any]) -> Any:
            task = asyncio.ensure_future(asyncio.sleep(10))
            asyncio.get_running_loop().call_later(0.001, task.cancel)
            await task

        peer = self.peer(call=call)
        for id in (1, 2):
            await self.feed(peer, id=id, method="call", params={})
            await self.answers(id)
        self.assertEqual([answer["error"]["data"]["code"] for answer in self.sent], ["cancelled", "cancelled"])

    async def test_requests_and_their_answers(self) -> None:
        peer = self.peer()
        future = peer.request("state.get", {"key": "a"}, lambda found: found["value"])
        self.assertEqual(self.sent, [{"jsonrpc": "2.0", "id": 1, "method": "state.get", "params": {"key": "a"}}])
        await self.feed(peer, id=1, result={"value": 5})
        self.assertEqual(await future, 5)
        refused = peer.request("publish", {"topic": "x"})
        await self.feed(peer, id=2, error={"code": -32602, "message": "no topic"})
        with self.assertRaises(PluginError) as caught:
            await refused
        self.assertEqual((caught.exception.code, caught.exception.message), ("error", "no topic"))

    async def test_whoever_stops_waiting_withdraws_the_request(self) -> None:
        peer = self.peer()
        future = peer.request("call", {"service": "slow"})
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(future, 0.001)
        self.assertEqual(self.sent[1:], [{"jsonrpc": "2.0", "method": "cancel", "params": {"id": 1}}])
        # The answer comes all the same, and is nobody's.
        await self.feed(peer, id=1, error={"code": -32000, "message": "", "data": {"code": "cancelled"}})
        self.assertEqual(self.broken, [])

    async def test_what_is_above_the_limit_is_held_back(self) -> None:
        peer = self.peer()
        peer.in_flight = 2
        futures = [peer.request("publish", {"topic": str(number)}) for number in range(4)]
        self.assertEqual(len(self.sent), 2)
        futures[2].cancel()
        await self.feed(peer, id=2, result=None)
        self.assertEqual([message["params"]["topic"] for message in self.sent], ["0", "1", "3"])

    async def test_what_is_no_message_is_reported_and_passed_over(self) -> None:
        peer = self.peer(event=lambda params: None)
        for line in (
            b"nonsense\n",
            b"[1]\n",
            b'{"id":1}{"id":2}\n',
            b"\xff\n",
            b"[" * 100000 + b"\n",
            b'{"id":[1],"result":1}',
            b'{"method":["x"],"id":1}',
        ):
            asyncio.get_running_loop().call_soon(peer.feed, line)
        await self.feed(peer, id=77, result=None)
        self.assertEqual(len(self.broken), 8)
        await self.feed(peer, id=1, method="event", params={}, more="passed over")
        self.assertEqual(self.sent, [{"jsonrpc": "2.0", "id": 1, "result": None}])

    async def test_a_method_that_is_not_there(self) -> None:
        peer = self.peer()
        await self.feed(peer, id=1, method="nothing", params={})
        await self.feed(peer, method="nothing", params={})
        self.assertEqual([answer["error"]["code"] for answer in self.sent], [-32601])

    async def test_an_answer_that_is_too_long_is_an_error(self) -> None:
        peer = self.peer(call=lambda params: "x" * 200)
        peer.max_line = 150
        await self.feed(peer, id=1, method="call", params={})
        self.assertEqual(self.sent[0]["error"]["data"]["code"], "too_large")

    async def test_asking_in_another_thread_is_refused_with_advice(self) -> None:
        peer = self.peer()
        errors: List[str] = []

        def ask() -> None:
            try:
                peer.request("publish", {"topic": "x"})
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        self.assertIn("run_coroutine_threadsafe", errors[0])
        self.assertEqual(self.sent, [])


if __name__ == "__main__":
    unittest.main()
