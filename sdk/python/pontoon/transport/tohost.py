"""What waits for the host: messages and events, in the order in which they happened, and snapshots on offer."""

import collections
import itertools
import threading

from .. import wire
from ..errors import Closed, Limit
from .errors import Refused
from .greetings import GREETED, OFFERED, UNREACHABLE, Event

RaftInbound = wire.message("RaftInbound")
MOST = 32 << 20  # bytes that wait (TR-25)
CONTROL_MOST = 8 << 20  # beside them, for control messages
EVENTS = 4096
GREETINGS = 512  # of the events: room for greetings alone
DETAIL = 4 << 10
OFFERS = 64  # TR-39
BROKEN = 1024  # peers that are remembered as unreachable


class ToHost:
    """A queue that holds up nothing."""

    def __init__(self, limits):
        self.limits, self.changed = limits, threading.Condition()
        self.waiting, self.bytes, self.events, self.taken = collections.deque(), 0, 0, 0
        self.size = 0  # of the envelopes of the last message that waits
        self.reported = {}  # peers whose EVENT_UNREACHABLE waits, and the number of its message
        self.broken = {}  # the number of the message by which a peer was last unreachable
        self.offers, self.numbers = {}, itertools.count(1)
        self.error = None
        self.dropped = 0

    def deliver(self, envelope):
        """False if there was no room."""
        size = len(envelope.payload) + 64
        with self.changed:
            most = MOST if getattr(envelope, "class") else MOST + CONTROL_MOST
            if self.error or self.bytes and self.bytes + size > most:
                self.dropped += 1
                return False
            last = self.waiting[-1] if self.waiting else None
            if last is None or last.events or last.envelopes and self.size + size > self.limits.send_batch:
                self.waiting.append(RaftInbound())
                self.size = 0
            self.waiting[-1].envelopes.append(envelope)
            self.size += size
            self.bytes += size
            self.changed.notify_all()
            return True

    def notify(self, event):
        with self.changed:
            if self.error:
                return
            number = self.report(event)
            if event.type == UNREACHABLE:
                self.broken[event.peer] = number

    def lost(self, peer, why):
        """TR-16."""
        self.notify(Event(type=UNREACHABLE, peer=peer, detail=cut(why)))

    def report(self, event):
        """The number of the message that says it. What waits is not said twice."""
        if event.type == UNREACHABLE and event.peer in self.reported:
            return self.reported[event.peer]
        number = self.taken + max(len(self.waiting), 1)
        if self.events >= EVENTS - (0 if event.type == GREETED else GREETINGS):
            self.dropped += 1
            if event.type == GREETED:  # messages after it must not come without it
                self.end(Limit("a greeting found no room among %d events" % self.events))
            return number
        if not self.waiting:
            self.waiting.append(RaftInbound())
            self.size = 0
        self.waiting[-1].events.append(event)
        self.events += 1
        if event.type == UNREACHABLE:
            self.reported[event.peer] = number
        self.changed.notify_all()
        return number

    def take(self, ended):
        """The next message; None once ended says so."""
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.error or ended())
            if self.error:
                raise self.error
            if ended():
                return None
            message = self.waiting.popleft()
            self.taken += 1
            self.bytes -= sum(len(e.payload) + 64 for e in message.envelopes)
            self.events -= len(message.events)
            for e in message.events:
                if e.type == UNREACHABLE:
                    self.reported.pop(e.peer, None)
            return message

    def wake(self):
        with self.changed:
            self.changed.notify_all()

    def current(self, envelopes, heard):
        """The envelopes that the host sent after it had heard that their peer was unreachable, or that never was (TR-21)."""
        with self.changed:
            if len(self.broken) > BROKEN:
                self.broken = {peer: number for peer, number in self.broken.items() if number > heard}
            late = [e for e in envelopes if self.broken.get(e.to, 0) > heard]
            for e in late:
                if not self.error:
                    self.report(Event(type=UNREACHABLE, peer=e.to, detail="it was on its way to the plugin when the connection broke"))
            return [e for e in envelopes if self.broken.get(e.to, 0) <= heard] if late else envelopes

    def offer(self, arrival):
        """Offers a snapshot to the host (TR-39)."""
        with self.changed:
            if self.error:
                raise Closed("closed")
            if len(self.offers) >= OFFERS:
                raise Refused("%d snapshots wait for the host" % OFFERS)
            number = next(self.numbers)
            self.offers[number] = arrival
            self.report(Event(type=OFFERED, peer=getattr(arrival.header, "from"), offer=number))
            return number

    def withdraw(self, number):
        """False if the host has taken it up."""
        with self.changed:
            return self.offers.pop(number, None) is not None

    def take_up(self, number):
        """The snapshot on offer; None if there is none."""
        with self.changed:
            return self.offers.pop(number, None)

    def end(self, error):
        with self.changed:
            if self.error is None:
                self.error = error
                self.waiting.clear()
                self.changed.notify_all()


def cut(text):
    return text.encode(errors="replace")[:DETAIL].decode(errors="ignore")
