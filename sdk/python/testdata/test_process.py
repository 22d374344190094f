"""The process of a plugin: its streams, signals and end."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

import grpc

from pontoon import launch, wire

PROGRAM = """
    import subprocess
    import pontoon

    print("printed before the handshake")

    class Machine:
        def apply(self, batch):
            print("printed later")
            return [None] * len(batch.entries)

        def query(self, data):  # a child reads its standard input to the end
            return subprocess.run(["cat"], stdout=subprocess.PIPE, timeout=20).stdout

        def save(self):
            return []

        def restore(self, index, chunks):
            list(chunks)

    pontoon.serve(Machine(), name="m", version="1")
"""


class Process(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def start(self, **environment):
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "PYTHONPATH")}  # as a host does
        env = dict(kept, PLUGIN_UNIX_SOCKET_DIR=self.dir.name, PLUGIN_PROTOCOL_VERSIONS="1", **environment)
        p = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM)], env=env,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(p.__exit__, None, None, None)  # closes the pipes and waits
        self.addCleanup(p.kill)
        return p

    def serving(self):
        p = self.start(PONTOON_PLUGIN=launch.COOKIE)
        path = os.path.join(self.dir.name, "s")
        self.assertEqual(p.stdout.readline(), b"1|1|unix|%s|grpc|\n" % path.encode())
        channel = grpc.insecure_channel("unix:" + path)
        self.addCleanup(channel.close)
        return p, channel

    def call(self, channel, path, request, response=None):
        method = channel.unary_unary(path, lambda r: r.SerializeToString(), response and wire.message(response).FromString)
        return method(request, timeout=30)

    def open(self, channel):
        request = wire.message("StateMachineOpenRequest")(options={"group": 1, "incarnation": 1})
        self.call(channel, "/pontoon.plugin.v1.StateMachine/Open", request, "StateMachineOpenResponse")

    def test_started_by_hand_it_says_what_it_is(self):
        p = self.start()
        out, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, launch.EX_USAGE)
        self.assertIn(b"a host starts it", err)

    def test_it_ends_with_its_standard_input(self):
        p, _ = self.serving()
        p.stdin.close()
        self.assertEqual(p.wait(30), 0)

    def test_it_ends_when_it_is_told_to(self):
        p, channel = self.serving()
        self.call(channel, "/plugin.GRPCController/Shutdown", wire.CloseResponse())
        self.assertEqual(p.wait(30), 0)

    def test_it_ignores_signals_of_terminals_and_writes_its_stacks(self):
        p, channel = self.serving()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            p.send_signal(number)
        self.open(channel)
        p.stdin.close()
        self.assertEqual(p.wait(30), 0)
        self.assertIn(b"most recent call first", p.stderr.read())

    def test_what_is_printed_goes_to_the_log_and_children_have_no_lifeline(self):
        p, channel = self.serving()
        self.open(channel)
        query = wire.message("QueryRequest")(call={"group": 1, "incarnation": 1})
        self.assertEqual(self.call(channel, "/pontoon.plugin.v1.StateMachine/Query", query, "QueryResponse").data, b"")
        p.stdin.close()
        self.assertEqual(p.wait(30), 0)
        self.assertEqual(p.stdout.read(), b"")
        self.assertIn(b"printed before", p.stderr.read())


if __name__ == "__main__":
    unittest.main()
