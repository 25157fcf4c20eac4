"""A plugin as a process: its descriptors, its children, its log, and when it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Dict, List, Optional

SDK = str(Path(__file__).resolve().parent.parent)
INITIALIZE = {
    "protocol": 1,
    "plugin": {"name": "trial", "version": "1.0.0", "folder": "", "data": ""},
    "settings": {},
    "permissions": {},
    "limits": {"max_line": 1 << 20, "max_value": 64000, "in_flight": 64},
}


class Process:
    """A plugin's process, and a runtime that answers whatever it asks with null."""

    def __init__(self, source: str, *command: str, cwd: Optional[str] = None) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SDK}
        self.process = subprocess.Popen(
            command or (sys.executable, "-c", textwrap.dedent(source)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
        )
        self.asked: List[Dict[str, Any]] = []
        self.results: Dict[str, Any] = {}
        self._id = 0
        self._errors = ""
        self._log = threading.Thread(target=self._read_log, daemon=True)
        self._log.start()
        # A test that waits for what never comes fails by the end of the output.
        self._limit = threading.Timer(15, self.process.kill)
        self._limit.daemon = True
        self._limit.start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._errors += line.decode()

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, **params: Any) -> Any:
        self._id += 1
        self.send(id=self._id, method=method, params=params)
        assert self.process.stdout is not None
        while True:
            message = json.loads(self.process.stdout.readline())
            if "method" not in message:
                if "error" in message:
                    raise AssertionError(message["error"])
                assert message["id"] == self._id
                return message["result"]
            self.asked.append(message)
            if "id" in message:
                name = message["params"].get("service") if message["method"] == "call" else message["method"]
                self.send(id=message["id"], result=self.results.get(name))

    def live(self) -> None:
        self.ask("initialize", **INITIALIZE)
        self.ask("load")
        self.ask("start")

    def end(self, seconds: float = 15) -> float:
        """Closes standard input; how long the process took to leave."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        start = time.monotonic()
        self.process.wait(seconds)
        return time.monotonic() - start

    def log(self) -> str:
        self._log.join(2)
        return self._errors

    def kill(self) -> None:
        self._limit.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.join(2)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Processes(unittest.TestCase):
    def start(self, source: str, *command: str, cwd: Optional[str] = None) -> Process:
        process = Process(source, *command, cwd=cwd)
        self.addCleanup(process.kill)
        return process

    def test_whatever_prints_prints_to_the_log(self) -> None:
        plugin = self.start(
            """
            import os, subprocess, sys
            from core_runtime import Plugin, run, service
            print("while importing")

            class Trial(Plugin):
                @service(".go")
                def go(self) -> object:
                    print("printed Привет")
                    os.write(1, b"written\\n")
                    subprocess.run(["sh", "-c", "echo from a child; cat"])
                    sys.stdout.write("half a line")
                    return [sys.stdin.read(), os.fstat(1) == os.fstat(2)]

            run(Trial)
            """
        )
        plugin.live()
        self.assertEqual(plugin.ask("call", service="trial.go", args=None), ["", True])
        self.assertLess(plugin.end(), 1)
        log = plugin.log()
        for text in ("while importing", "printed Привет", "written", "from a child"):
            self.assertIn(f"{text}\n", log)

    def test_no_child_has_the_protocol(self) -> None:
        plugin = self.start(
            """
            import os, subprocess, sys
            from core_runtime import Plugin, run, service

            def open_files():
                pairs = []
                for each in os.listdir("/proc/self/fd"):
                    try:
                        pairs.append(os.readlink(f"/proc/self/fd/{each}"))
                    except OSError:
                        pass
                return pairs

            class Trial(Plugin):
                @service(".go")
                def go(self) -> object:
                    ours = [file for file in open_files() if file.startswith("pipe:")]
                    listed = subprocess.run(["sh", "-c", "ls -l /proc/$$/fd"], close_fds=False, capture_output=False,
                                            stdout=subprocess.PIPE).stdout.decode()
                    read, write = os.pipe()
                    if os.fork() == 0:
                        os.write(write, repr(open_files()).encode())
                        os._exit(0)
                    os.wait()
                    forked = os.read(read, 65536).decode()
                    protocol = [os.readlink(f"/proc/self/fd/{each}") for each in sys.argv and self.private()]
                    return [[pipe for pipe in protocol if pipe in text] for text in (listed, forked)] + [len(protocol)]

                def private(self):
                    log = os.readlink("/proc/self/fd/2")
                    return [each for each in os.listdir("/proc/self/fd") if int(each) > 2 and self.is_protocol(each, log)]

                def is_protocol(self, each, log):
                    try:
                        link = os.readlink(f"/proc/self/fd/{each}")
                    except OSError:
                        return False
                    return link in PROTOCOL

            PROTOCOL = [os.readlink("/proc/self/fd/0"), os.readlink("/proc/self/fd/1")]
            run(Trial)
            """
        )
        plugin.live()
        self.assertEqual(plugin.ask("call", service="trial.go", args=None), [[], [], 2])

    def test_it_leaves_when_standard_input_ends_even_while_it_hangs(self) -> None:
        for hang in ("time.sleep(60)", "thread()", "asyncio_hangs()"):
            plugin = self.start(
                f"""
                import threading, time
                from core_runtime import Plugin, run, service

                def thread():
                    threading.Thread(target=time.sleep, args=(60,)).start()

                def asyncio_hangs():
                    while True:
                        time.sleep(0.01)

                class Trial(Plugin):
                    @service(".go")
                    def go(self) -> None:
                        self.log.info("hangs now")
                        {hang}

                run(Trial)
                """
            )
            plugin.live()
            plugin.send(id=99, method="call", params={"service": "trial.go", "args": None})
            assert plugin.process.stdout is not None
            while b"hangs now" not in plugin.process.stdout.readline():
                pass
            with self.subTest(hang):
                self.assertLess(plugin.end(), 1)
                self.assertEqual(plugin.process.returncode, 0)

    def test_what_came_before_the_end_is_still_answered(self) -> None:
        source = "from core_runtime import Plugin, run\nclass Trial(Plugin): pass\nrun(Trial)"
        plugin = self.start(source)
        plugin.send(id=1, method="initialize", params=INITIALIZE)
        plugin.send(id=2, method="load", params={})
        plugin.end()
        assert plugin.process.stdout is not None
        self.assertEqual([json.loads(line)["id"] for line in plugin.process.stdout], [1, 2])

    def test_it_leaves_when_its_parent_is_gone_though_somebody_holds_its_input(self) -> None:
        read, write = os.pipe()
        answers, answering = os.pipe()
        parent_source = """
            import subprocess, sys, time
            source = "from core_runtime import Plugin, run\\nclass Trial(Plugin): pass\\nrun(Trial)"
            print(subprocess.Popen([sys.executable, "-c", source], stdout=int(sys.argv[1])).pid, flush=True)
            time.sleep(60)
            """
        parent = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(parent_source), str(answering)],
            stdin=read,
            stdout=subprocess.PIPE,
            pass_fds=[answering],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": SDK},
        )
        os.close(read)
        os.close(answering)
        self.addCleanup(os.close, write)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.stdout.close()
        os.write(write, json.dumps({"id": 1, "method": "initialize", "params": INITIALIZE}).encode() + b"\n")
        with open(answers, "rb") as lines:
            self.assertEqual(json.loads(lines.readline())["id"], 1)
            self.assertTrue(_runs(child))
            parent.kill()
            parent.wait()
            end = time.monotonic() + 4
            while time.monotonic() < end and _runs(child):
                time.sleep(0.05)
            self.assertFalse(_runs(child))

    def test_logging_from_everywhere(self) -> None:
        plugin = self.start(
            """
            import logging, threading, warnings
            from core_runtime import Plugin, run, service

            class Trial(Plugin):
                @service(".go")
                async def go(self) -> None:
                    self.log.debug("one\\ntwo")
                    logging.getLogger("a.library").warning("hot")
                    logging.getLogger("a.library").debug("chatter")
                    thread = threading.Thread(target=self.log.error, args=("elsewhere\\nagain",))
                    thread.start()
                    thread.join()
                    self.log.info("%s", "x" * 10000)
                    self.publish(".failed")

            run(Trial)
            """
        )
        plugin.live()
        plugin.ask("call", service="trial.go", args=None)
        logged = [message["params"] for message in plugin.asked if message["method"] == "log"]
        self.assertEqual(logged[0], {"level": "debug", "message": "one\ntwo"})
        self.assertEqual(logged[1], {"level": "warn", "message": "a.library: hot"})
        self.assertEqual(len(logged), 3)
        self.assertLess(len(logged[2]["message"]), 9000)
        plugin.end()
        self.assertIn("ERROR elsewhere\nERROR again\n", plugin.log())

    def test_a_pipe_that_nobody_reads_holds_up_nothing(self) -> None:
        plugin = self.start(
            """
            from core_runtime import Plugin, run, service

            class Trial(Plugin):
                concurrency = 2

                @service(".flood")
                def flood(self) -> int:
                    for number in range(40):
                        self.log.info("x" * 7000)
                    return 40

                @service(".print")
                def print(self) -> None:
                    print("still there")

            run(Trial)
            """
        )
        plugin.live()
        plugin.send(id=50, method="call", params={"service": "trial.flood", "args": None})
        plugin.send(id=51, method="call", params={"service": "trial.print", "args": None})
        # It prints while what it wrote before is still in the way of its answer.
        end = time.monotonic() + 10
        while "still there" not in plugin._errors and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIn("still there", plugin._errors)
        assert plugin.process.stdout is not None
        lines = [json.loads(plugin.process.stdout.readline()) for _ in range(42)]
        self.assertEqual([line["params"]["message"] for line in lines[:40]], ["x" * 7000] * 40)
        self.assertEqual([line.get("id") for line in lines[40:]], [50, 51])

    def test_the_event_loop_is_one_as_any_other(self) -> None:
        plugin = self.start(
            """
            import asyncio, sys, time
            from core_runtime import Plugin, run, service

            async def shout(reader, writer):
                writer.write((await reader.readline()).upper())
                writer.close()

            class Trial(Plugin):
                @service(".go")
                async def go(self) -> object:
                    server = await asyncio.start_server(shout, "127.0.0.1", 0)
                    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                    writer.write(b"network\\n")
                    said = (await reader.read()).decode()
                    writer.close()
                    server.close()
                    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
                    out, _ = await child.communicate(b"child" * 50_000)
                    loop = asyncio.get_running_loop()
                    threaded = await loop.run_in_executor(None, lambda: "thread")
                    before = time.monotonic()
                    await asyncio.sleep(0.05)
                    slept = time.monotonic() - before
                    return [said, len(out), child.returncode, threaded, slept >= 0.05]

                @service(".exit")
                def exit(self) -> None:
                    sys.exit(7)

            run(Trial)
            """
        )
        plugin.live()
        self.assertEqual(plugin.ask("call", service="trial.go"), ["NETWORK\n", 250_000, 0, "thread", True])
        plugin.send(id=99, method="call", params={"service": "trial.exit", "args": None})
        self.assertEqual(plugin.process.wait(10), 7)

    def test_a_system_without_epoll_and_pidfd(self) -> None:
        plugin = self.start(
            """
            import os, select, time
            del select.epoll
            if hasattr(os, "pidfd_open"):
                del os.pidfd_open
            from core_runtime import Plugin, run, service

            class Trial(Plugin):
                @service(".echo")
                async def echo(self, args: object) -> object:
                    return args

                @service(".hang")
                def hang(self) -> None:
                    self.log.info("hangs now")
                    time.sleep(60)

            run(Trial)
            """
        )
        plugin.live()
        self.assertEqual(plugin.ask("call", service="trial.echo", args=[1]), [1])
        plugin.send(id=99, method="call", params={"service": "trial.hang", "args": None})
        assert plugin.process.stdout is not None
        while b"hangs now" not in plugin.process.stdout.readline():
            pass
        self.assertLess(plugin.end(), 1)

    def test_sigterm_ends_it(self) -> None:
        plugin = self.start("from core_runtime import Plugin, run\nclass Trial(Plugin): pass\nrun(Trial)")
        plugin.live()
        plugin.process.send_signal(signal.SIGTERM)
        self.assertEqual(plugin.process.wait(2), -signal.SIGTERM)

    def test_a_plain_function_of_the_original_waits_for_the_runtime(self) -> None:
        source = """
            from core.base_plugin import BasePlugin, PluginMetadata

            class Listing(BasePlugin):
                metadata = PluginMetadata("listing", "1.0.0")

                async def on_load(self):
                    self.runtime.service_registry.register("listing.all", self.all)

                async def all(self):
                    manager = self.runtime.plugin_manager
                    states = [manager.get_plugin_state(name) for name in ("one", "two", "three", "four")]
                    return [manager.list_plugins(), [state and state.value for state in states]]
            """
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "listing.py").write_text(textwrap.dedent(source))
            plugin = self.start("", sys.executable, "-m", "core_runtime.original", "listing.py", cwd=folder)
            listed = [("one", "STARTED"), ("two", "FAILED"), ("three", "UNLOADED")]
            plugin.results["plugins.list"] = [{"name": name, "state": state} for name, state in listed]
            plugin.live()
            expected = [["one", "two"], ["started", "error", "unloaded", None]]
            self.assertEqual(plugin.ask("call", service="listing.all", args=None), expected)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main()
