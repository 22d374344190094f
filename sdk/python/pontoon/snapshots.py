"""Snapshots: streams of chunks in both directions, and the views that are saved."""

import itertools
import zlib

from . import wire
from .errors import BadSnapshot, Closed, Error, InvalidArgument, Limit
from .lifecycle import CLOSED

MAX_VIEWS = 16  # SM-32


class Views:
    """The results of save, until it is streamed or dropped. A number is given once (SM-30)."""

    def __init__(self, core):
        self.core, self.made, self.numbers = core, {}, itertools.count(1)

    def check(self):
        if len(self.made) >= MAX_VIEWS:
            raise Limit("%d views of the state wait to be saved" % MAX_VIEWS)

    def prepare(self):
        number = next(self.numbers)
        self.made[number] = iter(self.core.machine.save())
        return number

    def save(self, request, context):
        core = self.core
        core.life.check(request.call)
        with core.life.shared():
            core.life.check(request.call)
            view = self.made.pop(request.snapshot, None)
            if view is None:
                raise InvalidArgument("snapshot %d is unknown or spent" % request.snapshot)
            if not request.discard:
                yield from cut(view, core.limits.send_chunk)


def cut(source, size):
    """Chunks of the bytes of source, with the end that is made of what source gave (P-44)."""
    length = crc = 0
    rest = bytearray()
    for piece in source:
        length, crc = length + len(piece), zlib.crc32(piece, crc)
        rest += piece
        while len(rest) >= size:
            yield wire.StateSnapshotChunk(chunk=bytes(rest[:size]))
            del rest[:size]
    if rest:
        yield wire.StateSnapshotChunk(chunk=bytes(rest))
    yield wire.StateSnapshotChunk(end=wire.StreamEnd(length=length, crc32=crc))


class Restorer:
    """Serves Restore."""

    def __init__(self, core):
        self.core = core

    def restore(self, requests, context):
        core, first = self.core, next(requests, None)
        if first is None:
            raise InvalidArgument("the stream has no message")  # P-28
        core.life.check(first.call)
        if first.WhichOneof("part") != "header":
            raise InvalidArgument("the first message has no header")  # P-41
        with core.life.alone(first.call), core.lock:
            received = Received(requests, core)
            try:
                self.run(first.header.index, received)
            except BaseException:
                core.life.give_up()  # SM-41
                raise
            core.applied = first.header.index
            return wire.RestoreResponse(applied_index=core.applied, length=received.length, wake=core.wake(),
                                        durable_index=core.durable())

    def run(self, index, received):
        chunks = received.chunks()
        try:
            self.core.machine.restore(index, chunks)
            if any(chunks):
                raise BadSnapshot("the snapshot goes on after its end")
        except Exception as e:
            if received.error:  # why the machine had not the whole
                raise received.error from e
            if isinstance(e, (Error, OSError, MemoryError)):
                raise
            raise BadSnapshot("%s: %s" % (type(e).__name__, e)) from e
        if received.error:
            raise received.error


class Received:
    """The chunks of a snapshot from the host, checked as they come (P-41 to P-43)."""

    cut = InvalidArgument  # of a stream without an end

    def __init__(self, requests, core):
        self.requests, self.core = requests, core
        self.length, self.crc, self.error = 0, 0, None

    def chunks(self):
        try:
            yield from self.read()
        except Exception as e:
            self.error = e
            raise

    def read(self):
        for request in self.requests:
            if self.core.life.state == CLOSED:
                raise Closed("closed while it read a snapshot")
            part = request.WhichOneof("part")
            if part == "header":
                raise InvalidArgument("a second header")
            if part == "end":
                return self.check(request.end)
            if part == "chunk" and request.chunk:
                yield self.take(request.chunk)
        raise self.cut("the stream was cut after %d bytes" % self.length)

    def take(self, chunk):
        if len(chunk) > self.core.limits.chunk:
            raise Limit("a chunk of %d bytes, at most %d" % (len(chunk), self.core.limits.chunk))
        self.length, self.crc = self.length + len(chunk), zlib.crc32(chunk, self.crc)
        return chunk

    def check(self, end):
        if (end.length, end.crc32) != (self.length, self.crc):
            raise InvalidArgument("the end has %d bytes and sum %08x, the chunks %d and %08x" % (
                end.length, end.crc32, self.length, self.crc))
