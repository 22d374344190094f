"""Connections that others have dialled."""

import collections
import logging
import threading
import time

from .. import wire
from .frames import ANSWER, BEAT, GREETING, HELLO, MESSAGE, SNAPSHOT, Broken, Link, parsed
from .hello import MISMATCHED, REFUSED, WELCOME, Hello, greeting_of, judge_caller

CALLERS = 512
GREETINGS = 16  # that a caller may say on one connection in a second
ENDED = 2.5  # seconds for the end of a connection in whose place another one comes

Envelope = wire.message("Envelope")


class Callers:
    """Takes connections until the core ends."""

    def __init__(self, core, listener, arrivals):
        self.core, self.listener, self.arrivals = core, listener, arrivals
        self.lock, self.links = threading.Lock(), []  # the oldest first

    def accept(self):
        while True:
            try:
                connection, address = self.listener.accept()
            except OSError as e:
                if self.core.ending:
                    return
                logging.error("a connection was not accepted: %s", e)  # too many open files, say
                time.sleep(0.1)
                continue
            link = None
            try:
                link = Link(connection, self.core.limits.message, accepted=True)
                link.host = address[0] if address else ""
                self.admit(link)
                self.core.run(self.serve, link)
            except (Broken, RuntimeError) as e:
                logging.debug("a caller was turned away: %s", e)
                self.dismiss(link)
                connection.close()

    def admit(self, link):
        """Gives a caller a place. Where all are taken, one of no member gives way: of the address that has most of
        these, the oldest."""
        with self.lock:
            if len(self.links) >= CALLERS:
                strange = [other for other in self.links if self.core.strange(other)]
                if not strange:
                    raise Broken("%d connections are open" % CALLERS)
                many = collections.Counter(other.host for other in strange)
                victim = max(strange, key=lambda other: many[other.host])  # max takes the first one
                self.links.remove(victim)
                victim.cut()
            self.links.append(link)

    def dismiss(self, link):
        with self.lock:
            if link in self.links:
                self.links.remove(link)

    def end(self):
        with self.lock:
            for link in self.links:
                link.cut()

    def serve(self, link):
        try:
            self.welcome(link)
            try:
                if link.lane == SNAPSHOT:
                    self.arrivals.receive(link)
                else:
                    self.hear(link)
            finally:
                self.core.leave(link)
        except Broken as e:
            logging.debug("the connection of member %x ended: %s", link.peer, e)
        finally:
            link.close()
            link.ended.set()
            self.dismiss(link)

    def welcome(self, link):
        """Reads a hello and answers it. Without an error the link stands."""
        core, hello = self.core, Hello(link.read_json(HELLO))
        answer = judge_caller(core, hello)
        link.peer, link.lane, link.met = hello.sender, hello.lane, hello.greeting
        link.said = greeting_of(answer.get("Greeting", {}))
        stands = False
        if answer["Code"] == WELCOME:
            try:
                self.take_place(link)
                stands = True
            except Broken as e:
                answer = {"Code": REFUSED, "Cluster": core.cluster, "From": core.node, "Text": str(e)}
        try:
            link.write_json(ANSWER, answer)
            if not stands:
                raise Broken(answer["Code"])
        except Broken:
            if stands:
                core.leave(link)
            raise

    def take_place(self, link):
        """Waits for the end of the connection before, of the same peer and lane: what it has still to deliver came first."""
        late = time.monotonic() + ENDED
        while True:
            before = self.core.stand(link)
            if before is None:
                return
            before.cut()
            if not before.ended.wait(max(late - time.monotonic(), 0)):
                raise Broken("the connection before it has not ended")

    def hear(self, link):
        """The frames of a peer."""
        core, said, since = self.core, 0, 0.0
        while True:
            kind, length = link.head()
            with core.intake.taken(core.counted(link.peer), length):
                body = link.take(length)
                if kind == MESSAGE:
                    self.deliver(link.peer, body)
            if kind == BEAT:
                link.write(BEAT)
            elif kind == GREETING:
                now = time.monotonic()
                said, since = (said + 1, since) if now - since < 1 else (1, now)
                if said > GREETINGS:
                    raise Broken("it says something new of itself too often")
                wrong = core.book.meet(link.peer, greeting_of(parsed(body)))
                if wrong:
                    raise Broken(str(wrong))
            elif kind != MESSAGE:
                raise Broken("a frame %r" % kind)

    def deliver(self, sender, body):
        """Hands over a message, which must be one of this peer to this node (TR-23)."""
        core = self.core
        try:
            envelope = Envelope.FromString(body)
        except Exception as e:  # the error has no class of its own in all versions
            raise Broken("a message that cannot be read: %s" % e) from e
        kind = getattr(envelope, "class")
        if (getattr(envelope, "from"), envelope.to, envelope.group) != (sender, core.node, core.group) or not 0 <= kind <= 2:
            raise Broken("a message from %x to %x of group %d and class %d" % (
                getattr(envelope, "from"), envelope.to, envelope.group, kind))
        if len(envelope.payload) > core.limits.message - 4096:
            raise Broken("a message of %d bytes" % len(envelope.payload))
        core.tohost.deliver(envelope)
