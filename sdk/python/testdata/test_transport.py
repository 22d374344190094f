"""Rules of transports that the conformance kit does not reach, on the calls of two members in one process."""

import hashlib
import json
import queue
import socket
import threading
import tracemalloc
import unittest
import unittest.mock
import zlib

from pontoon import errors, wire
from pontoon.transport.addresses import split, usable_of
from pontoon.transport.core import Core
from pontoon.transport.frames import ANSWER, CONTROL, HELLO, MESSAGE, Broken, Link
from pontoon.transport.greetings import ACTIVE, GREETED, INACTIVE, OFFERED, UNREACHABLE, Event
from pontoon.transport.tohost import EVENTS, ToHost

CALL = {"group": 1, "incarnation": 7}
WAIT = 20


class Network:
    def listen(self, host, port):
        return socket.create_server((host, port))

    def dial(self, host, port, timeout):
        return socket.create_connection((host, port), timeout)


class Context:
    """A call of the host, which may be given up."""

    def __init__(self):
        self.callbacks = []

    def add_callback(self, f):
        self.callbacks.append(f)

    def give_up(self):
        for f in self.callbacks:
            f()


class Host:
    """The host's half of a member."""

    def __init__(self, test, node):
        self.node, self.core = node, Core(Network(), wire.DescribeResponse(kind="transport", name="pigeon"))
        options = dict(CALL, cluster_id=9, node_id=node, election_ms=500, tick_ms=50)
        opened = self.core.open(wire.message("TransportOpenRequest")(options=options, listen="127.0.0.1:0"), None)
        self.url = "pigeon://" + opened.address
        test.addCleanup(self.core.end)
        self.outbound, self.inbound, self.count = queue.Queue(), queue.Queue(), 0
        self.outbound.put(self.request("RaftOutbound"))
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for message in self.core.raft.serve(iter(self.outbound.get, None), Context()):
                self.count += 1
                for e in message.envelopes:
                    self.inbound.put(e)
                for e in message.events:
                    self.inbound.put(e)
        except errors.Closed:
            pass
        self.inbound.put(None)

    @staticmethod
    def request(name, **fields):
        return wire.message(name)(call=CALL, **fields)

    def set_peers(self, *others, store=0, **fields):
        fields["self"] = dict(store=store or self.node)
        peers = [dict(id=o.node, urls=[o.url]) for o in others]
        self.core.set_peers(self.request("SetPeersRequest", peers=peers, **fields), None)

    def send(self, to, payload, kind=0, heard=0):
        e = {"group": 1, "to": to, "from": self.node, "class": kind, "payload": payload}
        self.outbound.put(self.request("RaftOutbound", envelopes=[e], heard=heard))

    def await_event(self, kind, peer):
        """The events and messages up to one of that kind."""
        got = []
        while True:
            got.append(self.inbound.get(timeout=WAIT))
            if got[-1] is not None and got[-1].DESCRIPTOR.name == "Event" and (got[-1].type, got[-1].peer) == (kind, peer):
                return got

    def await_message(self):
        while True:
            got = self.inbound.get(timeout=WAIT)
            if got.DESCRIPTOR.name == "Envelope":
                return got

    def snapshot(self, to, content, end=True):
        header = {"group": 1, "to": to, "from": self.node, "message": b"m", "bytes": len(content)}
        parts = [dict(header=header), dict(chunk=content)]
        parts += [dict(end=dict(length=len(content), crc32=zlib.crc32(content)))] * end
        return iter([self.request("SendSnapshotRequest", **p) for p in parts])

    def receive(self, requests, context=None):
        """Takes up the snapshot that is offered next."""
        offer = self.await_event(OFFERED, 3 - self.node)[-1].offer
        requests.put(self.request("ReceiveSnapshotRequest", offer=offer))
        return self.core.arrivals.serve(iter(requests.get, None), context or Context())


class Members(unittest.TestCase):
    def setUp(self):
        self.one, self.two = Host(self, 1), Host(self, 2)
        self.one.set_peers(self.two)
        self.two.set_peers(self.one)
        self.before = self.one.await_event(ACTIVE, 2)
        self.two.await_event(ACTIVE, 1)

    def send_until_it_arrives(self):
        """A connection for a class may come a moment after the first one."""
        for kind in (0, 1):
            self.one.send(2, b"first %d" % kind, kind)
            while True:
                got = self.two_or_lost()
                if got == b"first %d" % kind:
                    break
                self.one.send(2, b"first %d" % kind, kind)

    def two_or_lost(self):
        while True:
            for host in (self.two, self.one):
                try:
                    e = host.inbound.get(timeout=0.05)
                except queue.Empty:
                    continue
                if e.DESCRIPTOR.name == "Envelope":
                    return e.payload
                if e.type == UNREACHABLE:
                    return None

    def test_a_greeting_comes_before_the_connection_is_up(self):
        self.assertIn((GREETED, 2), [(e.type, e.peer) for e in self.before])

    def test_messages_arrive_in_order(self):
        self.send_until_it_arrives()
        for i in range(100):
            self.one.send(2, b"%d" % i, 1)
        self.assertEqual([self.two.await_message().payload for _ in range(100)], [b"%d" % i for i in range(100)])

    def test_a_snapshot_has_its_verdict(self):
        content, requests, result = b"x" * 300_000, queue.Queue(), queue.Queue()
        for error in ("", "no room"):
            def send():
                try:
                    result.put(self.one.core.sender.send(self.one.snapshot(2, content), Context()).length)
                except errors.Error as e:
                    result.put((e.reason, str(e)))

            threading.Thread(target=send, daemon=True).start()
            digest = hashlib.sha256()
            for part in self.two.receive(requests):
                digest.update(part.chunk)
                if part.WhichOneof("part") == "end":
                    requests.put(self.two.request("ReceiveSnapshotRequest", verdict=True, error=error))
            self.assertEqual(digest.digest(), hashlib.sha256(content).digest())
            self.assertEqual(result.get(timeout=WAIT), ("SNAPSHOT_REFUSED", "no room") if error else len(content))

    def test_a_snapshot_that_is_cut_has_no_end(self):
        requests, parts = queue.Queue(), []
        with_error = queue.Queue()

        def send():
            try:
                self.one.core.sender.send(self.one.snapshot(2, b"x" * 1000, end=False), Context())
            except errors.Error as e:
                with_error.put(e.reason)

        threading.Thread(target=send, daemon=True).start()
        with self.assertRaises(errors.Error):
            for part in self.two.receive(requests):
                parts.append(part.WhichOneof("part"))
        self.assertNotIn("end", parts)
        self.assertEqual(with_error.get(timeout=WAIT), "INVALID_ARGUMENT")

    def test_a_host_that_gives_no_verdict_has_refused_nothing(self):
        requests, context, result = queue.Queue(), Context(), queue.Queue()

        def send():
            try:
                self.one.core.sender.send(self.one.snapshot(2, b"x" * 1000), Context())
            except errors.Error as e:
                result.put(e.reason)

        threading.Thread(target=send, daemon=True).start()
        stream = self.two.receive(requests, context)
        next(stream)
        context.give_up()
        with self.assertRaises(errors.Closed):
            list(stream)
        self.assertEqual(result.get(timeout=WAIT), "PEER_UNREACHABLE")

    def test_a_snapshot_whose_thread_cannot_start_has_refused_nothing(self):
        result = queue.Queue()

        def send():
            try:
                self.one.core.sender.send(self.one.snapshot(2, b"x" * 1000), Context())
            except errors.Error as e:
                result.put(e.reason)

        threading.Thread(target=send, daemon=True).start()
        stream = self.two.receive(queue.Queue())
        with unittest.mock.patch("pontoon.transport.arrivals.threading.Thread", side_effect=RuntimeError("no more threads")):
            with self.assertRaises(RuntimeError):
                list(stream)
        self.assertEqual(result.get(timeout=WAIT), "PEER_UNREACHABLE")

    def test_an_acceptance_before_the_end_is_none(self):
        requests, result = queue.Queue(), queue.Queue()

        def parts():
            yield from list(self.one.snapshot(2, b"x" * 1000))[:2]
            result.get(timeout=WAIT)
            yield list(self.one.snapshot(2, b"x" * 1000))[2]

        told = queue.Queue()

        def send():
            try:
                told.put(self.one.core.sender.send(parts(), Context()).length)
            except errors.Error as e:
                told.put(e.reason)

        threading.Thread(target=send, daemon=True).start()
        stream = self.two.receive(requests)
        next(stream)
        requests.put(self.two.request("ReceiveSnapshotRequest", verdict=True))
        with self.assertRaises(errors.InvalidArgument):
            list(stream)
        result.put(None)
        self.assertEqual(told.get(timeout=WAIT), "PEER_UNREACHABLE")

    def test_close_ends_all_and_frees_the_address(self):
        self.two.core.close(self.two.request("CloseRequest"), None)
        self.assertEqual(self.two.core.running, 0)
        self.one.await_event(INACTIVE, 2)
        host, port = split(self.two.url.partition("://")[2])
        socket.create_server((host, port)).close()


class Drops:
    """A connection on which two bytes come at a time."""

    def settimeout(self, timeout):
        pass

    def recv(self, most):
        return bytes((1, 2))


class Strangers(unittest.TestCase):
    """Programs that reach the address."""

    def setUp(self):
        self.host = Host(self, 1)
        self.address = split(self.host.url.partition("://")[2])

    def call(self, *frames):
        connection = socket.create_connection(self.address, WAIT)
        self.addCleanup(connection.close)
        for kind, body in frames:
            connection.sendall(Link.framed(kind, body if isinstance(body, bytes) else json.dumps(body).encode()))
        return Link(connection, 1 << 20)

    def hello(self, **fields):
        return HELLO, dict({"Cluster": 9, "From": 2, "To": 1, "Lane": CONTROL, "Greeting": {"Store": 2}}, **fields)

    def answer(self, **fields):
        return self.call(self.hello(**fields)).read_json(ANSWER)

    def test_each_caller_is_told_what_it_may_know(self):
        self.assertEqual(self.answer()["Code"], "not ready")
        removed = [dict(id=5, index=7, term=3), dict(id=2, index=8, term=3)]
        self.host.set_peers(removed=removed, store=77)
        answer = self.answer(Cluster=8)
        self.assertEqual((answer["Code"], "Greeting" in answer), ("refused", False))
        answer = self.answer(From=5)
        self.assertEqual((answer["Code"], answer["Index"], answer["Term"], "Greeting" in answer), ("removed", 7, 3, False))
        self.assertEqual(self.answer(From=5, Cluster=8)["Code"], "refused")
        self.assertEqual(self.answer(From=4)["Code"], "welcome")
        self.assertEqual(self.answer(From=4, Expected=78)["Code"], "not meant")
        self.assertEqual(self.answer(From=4, Lane="other")["Code"], "refused")
        self.assertEqual(self.answer(From=4, To=0)["Greeting"]["Store"], 77)

    def test_what_is_not_a_hello_ends_the_connection(self):
        self.host.set_peers()
        bad = [(b"x", b""), (MESSAGE, b"x" * 9000), (HELLO, b"[" * 8000), (HELLO, b"\xff"), self.hello(From=-1), self.hello(From=True),
               self.hello(From=1 << 64), self.hello(From="2"), self.hello(Greeting=[]), self.hello(Greeting={"Store": 1.5})]
        for frame in bad:
            with self.assertRaises(Broken):
                self.call(frame).read_json(ANSWER)
        self.assertEqual(self.answer()["Code"], "welcome")

    def test_a_message_of_another_sender_ends_the_connection(self):
        self.host.set_peers()
        for change in ({"from": 3}, {"to": 2}, {"group": 2}, {"class": 3}, {"class": 9}):
            link = self.call(self.hello())
            self.assertEqual(link.read_json(ANSWER)["Code"], "welcome")
            envelope = wire.message("Envelope")(**dict({"group": 1, "to": 1, "from": 2}, **change))
            link.write(MESSAGE, envelope.SerializeToString())
            with self.assertRaises(Broken):
                link.read()

    @unittest.mock.patch("pontoon.transport.callers.CALLERS", 8)
    def test_silent_callers_make_way(self):
        self.host.set_peers()
        silent = [self.call() for _ in range(8)]
        self.assertEqual(self.answer()["Code"], "welcome")
        self.assertLessEqual(len(self.host.core.callers.links), 8)
        with self.assertRaises(Broken):
            silent[0].read()

    def test_large_frames_have_a_bound_for_all_strangers_together(self):
        self.host.set_peers()
        intake = self.host.core.intake
        with intake.taken(0, intake.most - 10_000), intake.taken(3, intake.most):
            with self.assertRaises(Broken):
                with intake.taken(0, 10_001):
                    pass
        self.assertEqual(intake.held, {})


class Queues(unittest.TestCase):
    def queue(self):
        limits = type("Limits", (), {"send_batch": 1000})
        return ToHost(limits)

    def test_what_was_sent_before_a_break_was_heard_of_is_outdated(self):
        q = self.queue()
        envelopes = [wire.message("Envelope")(to=2), wire.message("Envelope")(to=3)]
        q.lost(2, "broken")
        self.assertEqual([e.to for e in q.current(envelopes, 0)], [3])
        q.take(lambda: False)
        self.assertEqual([e.to for e in q.current(envelopes, 0)], [3])
        self.assertEqual([e.to for e in q.current(envelopes, 1)], [2, 3])
        self.assertEqual([e.type for e in q.take(lambda: False).events], [UNREACHABLE])

    def test_the_same_loss_is_told_once(self):
        q = self.queue()
        for _ in range(10):
            q.lost(2, "broken")
        self.assertEqual(len(q.take(lambda: False).events), 1)

    def test_a_greeting_without_room_ends_the_stream(self):
        q = self.queue()
        for i in range(EVENTS):
            q.notify(Event(type=ACTIVE, peer=1))
        self.assertLess(q.events, EVENTS)
        while not q.error:
            q.notify(Event(type=GREETED, peer=1))
        self.assertEqual(q.events, EVENTS)
        with self.assertRaises(errors.Limit):
            q.take(lambda: False)


class Frames(unittest.TestCase):
    def test_a_frame_that_comes_in_drops_has_room_for_its_bytes(self):
        link = Link(Drops(), 1 << 20)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(link.take((1 << 18) + 1), bytes((1, 2)) * (1 << 17) + b"\1")
        self.assertEqual(link.take(1), b"\2")
        self.assertLess(tracemalloc.get_traced_memory()[1], 2 << 20)

    def test_a_length_is_refused_before_anything_of_it_is_read(self):
        one, other = socket.socketpair()
        with one, other:
            link = Link(one, 1 << 20)
            for head in (b"h\x00\x00\x20\x01", b"m\xff\xff\xff\xff", b"c\x00\x01\x00\x01"):
                other.sendall(head)
                with self.assertRaises(Broken):
                    link.read()

    def test_what_is_not_an_object_is_refused(self):
        one, other = socket.socketpair()
        with one, other:
            link = Link(one, 1 << 20)
            for body in (b"[]", b"{", b"[" * 8000, b"\xff", b"1"):
                other.sendall(Link.framed(b"h", body))
                with self.assertRaises(Broken):
                    link.read_json(b"h")


class Addresses(unittest.TestCase):
    def test_urls_of_the_scheme_are_taken_and_bad_ones_are_named(self):
        usable, wrong = usable_of(["pigeon://h:1", "http://h:1", "pigeon://[::1]:2/", "pigeon://h", "pigeon://h:0", "pigeon://u@h:1", "h:1"], "pigeon")
        self.assertEqual(usable, [("h", 1), ("::1", 2)])
        self.assertEqual(len(wrong), 4)
        self.assertEqual(split(":7501"), ("", 7501))
