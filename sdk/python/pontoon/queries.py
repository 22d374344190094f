"""Queries: with one message for an answer, and in chunks."""

import threading
import zlib

from . import wire
from .errors import Limit, NoQueryStreams, TooManyStreams

QUERIES = 100  # P-30
STREAMS = 64  # SM-29


class Querier:
    """Serves Query and QueryStream. A call over the numbers above is refused before it waits."""

    def __init__(self, core):
        self.core = core
        self.queries = threading.BoundedSemaphore(QUERIES)
        self.streams = threading.BoundedSemaphore(STREAMS)

    def query(self, request, context):
        core = self.core
        self.check(request)
        with admitted(self.queries, Limit("%d queries run" % QUERIES)), core.life.shared():
            core.life.check(request.call)
            with core.lock:
                data = core.machine.query(request.data)
        if len(data) > core.limits.message - 64:
            raise Limit("the answer has %d bytes, and a message at most %d" % (len(data), core.limits.message))
        return wire.QueryResponse(data=data)

    def query_stream(self, request, context):
        core = self.core
        if not hasattr(core.machine, "query_stream"):
            raise NoQueryStreams("no answers in chunks")
        self.check(request)
        with admitted(self.streams, TooManyStreams("%d answers in chunks run" % STREAMS)), core.life.shared():
            core.life.check(request.call)
            with core.lock:
                answer = iter(core.machine.query_stream(request.data))
            yield from self.chunks(answer)

    def chunks(self, answer):
        """The chunks as the machine cuts them, but for those over the limit."""
        length = crc = 0
        size = self.core.limits.send_chunk
        for chunk in answer:
            length, crc = length + len(chunk), zlib.crc32(chunk, crc)
            for at in range(0, max(len(chunk), 1), size):
                yield wire.QueryStreamChunk(chunk=chunk[at : at + size])
        yield wire.QueryStreamChunk(end=wire.StreamEnd(length=length, crc32=crc))

    def check(self, request):
        self.core.life.check(request.call)
        if len(request.data) > self.core.limits.entry:
            raise Limit("a query of %d bytes, at most %d" % (len(request.data), self.core.limits.entry))


class admitted:
    """The time of a call that is counted; error is raised if there are too many."""

    def __init__(self, count, error):
        self.count, self.error = count, error

    def __enter__(self):
        if not self.count.acquire(blocking=False):
            raise self.error

    def __exit__(self, *_):
        self.count.release()
