"""Another member: a connection that this node has dialled for each lane, and what waits for it."""

import collections
import logging
import threading
import time

from .addresses import Urls
from .frames import BEAT, BEATS, BULK, CONTROL, GREETING, MESSAGE, Broken
from .greetings import Mismatch
from .hello import Removed, json_of

QUEUE = 64 << 20  # bytes that wait for a connection
REDIAL = 0.1
AGAIN = 60.0  # seconds until the log has the same reason once more
BATCH = 256 << 10  # bytes of frames in one write


class Queue:
    """What waits for one connection, and is lost with it (TR-20)."""

    def __init__(self):
        self.changed, self.waiting, self.bytes, self.error = threading.Condition(), collections.deque(), 0, None
        self.renamed = True  # this node may have something new to say of itself

    def put(self, raw):
        """False if there is no room."""
        with self.changed:
            if self.error or self.bytes and self.bytes + len(raw) > QUEUE:
                return False
            self.waiting.append(raw)
            self.bytes += len(raw)
            self.changed.notify()
            return True

    def rename(self):
        with self.changed:
            self.renamed = True
            self.changed.notify()

    def end(self, error):
        with self.changed:
            self.error = self.error or error
            self.changed.notify()

    def take(self, timeout):
        """What waits, and whether this node may have a new greeting. It raises the error of the end."""
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.renamed or self.error, timeout)
            if self.error:
                raise self.error
            taken, renamed = self.waiting, self.renamed
            self.waiting, self.bytes, self.renamed = collections.deque(), 0, False
            return taken, renamed


class Peer:
    """urls may be changed by any thread that has the lock of the core."""

    def __init__(self, core, id):
        self.core, self.id, self.urls = core, id, Urls()
        self.gone = False
        self.changed = threading.Condition()  # gone, or worth to dial at once
        self.kicks = 0
        self.queues = {CONTROL: None, BULK: None}

    def start(self):
        for lane in self.queues:
            self.core.run(self.keep, lane)

    def end(self):
        with self.changed:
            self.gone = True
            self.changed.notify_all()

    def kick(self):
        with self.changed:
            self.kicks += 1
            self.changed.notify_all()

    def put(self, lane, raw):
        queue = self.queues[lane]
        return queue is not None and queue.put(raw)

    def rename(self):
        for queue in self.queues.values():
            if queue is not None:
                queue.rename()

    def keep(self, lane):
        """Dials whenever there is no connection, as long as there is the peer."""
        said, since = set(), 0.0
        while not self.gone:
            kicks, wait = self.kicks, REDIAL
            try:
                self.use(lane, self.core.dial(self, lane))
            except (Mismatch, Removed) as e:
                wait, why = self.core.election, str(e)
            except Exception as e:  # of the network too: the next attempt may do
                why = str(e) or repr(e)
            if time.monotonic() - since >= AGAIN:
                said, since = set(), time.monotonic()
            if why not in said and not self.gone:  # and not at each attempt
                logging.info("member %x, connection for %s: %s", self.id, lane, why)
            said.add(why)
            with self.changed:
                self.changed.wait_for(lambda: self.gone or self.kicks != kicks, wait)

    def use(self, lane, link):
        """Sends over a connection until it ends, and raises why."""
        queue, core = Queue(), self.core
        error = Broken("the peer has gone")
        try:
            core.stand(link)
            try:
                self.queues[lane] = queue
                if self.gone:
                    raise error
                core.run(self.hear, link, queue)
                self.send(link, queue)
            except Broken as e:
                error = e
            finally:
                self.queues[lane] = None
                queue.end(error)
                link.cut()
                core.tohost.lost(self.id, "the connection ended: %s" % error)
                core.leave(link)
        finally:
            link.close()
        raise error

    def hear(self, link, queue):
        """Waits for the heartbeats that come back."""
        try:
            while True:
                kind, _ = link.read()
                if kind != BEAT:
                    raise Broken("a frame %r instead of a heartbeat" % kind)
        except Broken as e:
            queue.end(e)
            link.cut()  # a write may wait

    def send(self, link, queue):
        beat = time.monotonic()
        while True:
            waiting, renamed = queue.take(max(beat + BEATS - time.monotonic(), 0))
            own = self.core.book.self
            if renamed and own != link.said:
                link.said = own
                link.write_json(GREETING, json_of(own))
            frames, size = [], 0
            for raw in waiting:
                frames.append(link.framed(MESSAGE, raw))
                size += len(raw)
                if size >= BATCH:
                    link.send(b"".join(frames))
                    frames, size = [], 0
            if time.monotonic() >= beat + BEATS:
                beat = time.monotonic()
                frames.append(link.framed(BEAT))
            if frames:
                link.send(b"".join(frames))
