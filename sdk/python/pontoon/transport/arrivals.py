"""Snapshots from peers: each is offered to the host, which reads it and gives its verdict."""

import hashlib
import threading
import time
import zlib

import grpc

from .. import wire
from ..errors import Closed, Error, InvalidArgument
from .errors import Refused
from .frames import CHUNK, END, HEADER, SILENCE, VERDICT, Broken

ARRIVALS = 64  # at a time
PATIENCE = 30.0  # seconds, with two election timeouts, in which PIECE bytes come while the host reads (TR-42)
OFFERED = 10  # election timeouts that an offer waits for the host (TR-39)

Response, SnapshotHeader = wire.message("ReceiveSnapshotResponse"), wire.message("SnapshotHeader")


class Arrival:
    """A snapshot on its way. The caller's thread waits while that of a ReceiveSnapshot reads."""

    def __init__(self, header, link):
        self.header, self.link = header, link
        self.changed = threading.Condition()
        self.taken = self.read = False  # by a stream; to its end, as far as that goes
        self.verdict = None  # what the sender is told

    def set(self, **fields):
        with self.changed:
            for name, value in fields.items():
                if name != "verdict" or self.verdict is None:
                    setattr(self, name, value)
            self.changed.notify_all()

    def wait(self, condition, timeout=None):
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def chunks(self):
        """The bytes, as they come, and then the StreamEnd, if all have arrived as they were sent."""
        digest, crc, length = hashlib.sha256(), 0, 0
        while True:
            kind, body = self.link.read()
            if kind == END:
                break
            if kind != CHUNK:
                raise Broken("a frame %r in a snapshot" % kind)
            digest.update(body)
            crc, length = zlib.crc32(body, crc), length + len(body)
            yield Response(chunk=body)
        if body != digest.hexdigest().encode() or self.header.bytes not in (0, length):
            raise Broken("the snapshot was damaged on its way")
        yield Response(end=wire.StreamEnd(length=length, crc32=crc))


def later(text):
    return {"Later": True, "Text": text}


def refused(text):
    return {"Text": text[:1024]}


class Arrivals:
    """Serves ReceiveSnapshot, and the connections on which snapshots come."""

    def __init__(self, core):
        self.core, self.lock, self.links = core, threading.Lock(), []

    def receive(self, link):
        """Takes the snapshot of a caller, and tells it what the host makes of it."""
        arrival = None
        try:
            self.enter(link)
            arrival = self.arrived(link)
            verdict = self.judged(arrival)
        except Refused as e:
            verdict = refused(str(e))
        except Closed as e:
            verdict = later(str(e))
        finally:
            with self.lock:
                if link in self.links:
                    self.links.remove(link)
        link.write_json(VERDICT, verdict)
        if arrival is not None and arrival.taken:
            arrival.wait(lambda: arrival.read, SILENCE)
        link.wait(SILENCE)
        late = time.monotonic() + SILENCE
        while True:  # until the sender closes, so that the verdict is not lost with the connection
            link.receive(late)

    def enter(self, link):
        """Gives a snapshot a place; one of a stranger gives way to that of a member."""
        core = self.core
        with self.lock:
            if len(self.links) >= ARRIVALS:
                strange = [other for other in self.links if not core.counted(other.peer)]
                if not strange or not core.counted(link.peer):
                    raise Closed("%d snapshots arrive" % ARRIVALS)
                self.links.remove(strange[0])
                strange[0].cut()
            self.links.append(link)
            link.arriving = True

    def arrived(self, link):
        core = self.core
        kind, length = link.head()
        with core.intake.taken(0, length):
            body = link.take(length)
        try:
            header = SnapshotHeader.FromString(body)
        except Exception as e:  # the error has no class of its own in all versions
            raise Refused("a header that cannot be read: %s" % e) from e
        if kind != HEADER or (getattr(header, "from"), header.to, header.group) != (link.peer, core.node, core.group):
            raise Refused("it does not begin with a header of member %x" % link.peer)
        link.wait(PATIENCE + 2 * core.election)
        return Arrival(header, link)

    def judged(self, arrival):
        """Offers it, and waits for the verdict."""
        core = self.core
        offer = core.tohost.offer(arrival)
        arrival.wait(lambda: arrival.taken or core.ending, OFFERED * core.election)
        if core.tohost.withdraw(offer):
            if core.ending:
                raise Closed("this node is closing")
            raise Refused("the host did not take the snapshot up")
        arrival.wait(lambda: arrival.verdict)
        return arrival.verdict

    def serve(self, requests, context):
        core, first = self.core, next(requests, None)
        if first is None:
            raise InvalidArgument("the stream has no message")  # P-28
        core.life.check(first.call)
        arrival = core.tohost.take_up(first.offer)
        if arrival is None:
            raise InvalidArgument("there is no offer %d" % first.offer)  # TR-40
        try:  # from here on the thread of the caller waits for a verdict
            host = Verdict(arrival)
            arrival.set(taken=True)
            context.add_callback(host.gone)
            threading.Thread(target=host.await_it, args=(requests,), daemon=True).start()
            yield from self.relay(arrival, host)
        finally:
            arrival.set(read=True, verdict=later("the host broke off"))

    def relay(self, arrival, host):
        """Sends all parts, and ends with OK after the verdict (TR-41)."""
        try:
            yield Response(header=arrival.header)
            for part in arrival.chunks():
                if host.said is not None:
                    break
                host.whole = part.WhichOneof("part") == "end"
                yield part
        except Broken as e:
            if host.said is None:
                arrival.set(verdict=refused("the snapshot broke off: %s" % e))
                raise Error("the snapshot broke off: %s" % e) from e
        arrival.set(read=True)
        host.ended.wait()
        if isinstance(host.said, Exception):
            raise host.said


class Verdict:
    """The host's second message. said is True for an acceptance, False for a refusal, or an error."""

    def __init__(self, arrival):
        self.arrival, self.said, self.whole, self.ended = arrival, None, False, threading.Event()

    def await_it(self, requests):
        try:
            request = next(requests, None)
        except grpc.RpcError:
            request = None
        self.say(request)

    def gone(self):
        """The call has ended. If it did without a verdict, nothing more is read."""
        if self.said is None:
            self.say(None)

    def say(self, request):
        if self.said is not None:
            return
        if request is None:
            self.said, told = Closed("the host gave no verdict"), later("the host gave no verdict")
        elif not request.verdict or not request.error and not self.whole:
            self.said, told = InvalidArgument("an acceptance before the end, or not a verdict"), later("the host gave no verdict")
        elif request.error:
            self.said, told = False, refused(request.error)
        else:
            self.said, told = True, {"Accepted": True}
        self.arrival.set(verdict=told)
        if request is None:
            self.arrival.link.cut()  # a read may wait
        self.ended.set()
