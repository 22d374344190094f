"""Snapshots: streams of chunks in both directions."""

import hashlib
import zlib

from .. import wire
from ..errors import Cancelled, InvalidArgument
from ..snapshots import Received
from .errors import Corrupt, of_disk
from .snapfiles import SnapshotInfo

OpenSnapshotResponse = wire.message("OpenSnapshotResponse")


class Saved(Received):
    """The chunks of a SaveSnapshot."""

    cut = Cancelled  # ST-27


class Snapshots:
    """Serves SaveSnapshot, OpenSnapshot and ListSnapshots."""

    def __init__(self, core):
        self.core = core

    def save(self, requests, context):
        core, first = self.core, next(requests, None)
        if first is None:
            raise InvalidArgument("the stream has no message")  # P-28
        core.life.check(first.call)
        if first.WhichOneof("part") != "header":
            raise InvalidArgument("the first message has no header")  # P-41
        self.check(first.header)
        part = core.shelf.create()
        try:
            info = self.receive(first.header.metadata, Saved(requests, core), part)
            core.shelf.put(part, info, first.header.received)
        except OSError as e:
            raise of_disk(e) from e
        finally:
            core.shelf.drop(part)
        return wire.message("SaveSnapshotResponse")(info=info)

    def check(self, header):
        core, of = self.core, header.metadata
        if not of.index or not of.term:
            raise InvalidArgument("a snapshot at %d of term %d" % (of.index, of.term))
        with core.reading:
            state = core.state
        if header.received:
            core.shelf.forget(state.hard[2])
        else:
            state.check_snapshot(of.index, of.term)

    def receive(self, metadata, received, part):
        digest = hashlib.sha256()
        for chunk in received.chunks():
            digest.update(chunk)
            part.write(chunk)
        info = SnapshotInfo(metadata=metadata, bytes=received.length, sha256=digest.digest())
        part.finish(info)
        return info

    def open(self, request, context):
        core = self.core
        core.life.check(request.call)
        info, file = core.shelf.find(request.index)
        with file:
            yield OpenSnapshotResponse(header=info)
            yield from content(file, info, core.limits.send_chunk)

    def list(self, request, context):
        self.core.life.check(request.call)
        return wire.message("ListSnapshotsResponse")(snapshots=self.core.shelf.visible())


def content(file, info, size):
    """Chunks, and the end if they are what was saved (ST-32)."""
    digest, crc, left = hashlib.sha256(), 0, info.bytes
    while left:
        chunk = file.read(min(size, left))
        if not chunk:
            break
        left, crc = left - len(chunk), zlib.crc32(chunk, crc)
        digest.update(chunk)
        yield OpenSnapshotResponse(chunk=chunk)
    if left or digest.digest() != info.sha256:
        raise Corrupt("the snapshot at %d is not what was written" % info.metadata.index)
    yield OpenSnapshotResponse(end=wire.StreamEnd(length=info.bytes, crc32=crc))
