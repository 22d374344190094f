"""Snapshots as files beside the log: the content, then a SnapshotInfo, its length in 4 bytes and a CRC-32
of both, all numbers in little endian. The name has index and term, and whether the snapshot is visible."""

import os
import re
import struct
import zlib

from .. import wire
from .errors import Corrupt

VISIBLE, RECEIVED, PART = ".snap", ".recv", ".part"
NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})(\.snap|\.recv)")
END = struct.Struct("<II")
MAX_INFO = 1 << 20
SYNC = 8 << 20  # bytes that wait for the disk at most: more at once would hold up the log's syncs

SnapshotInfo = wire.message("SnapshotInfo")


def name_of(info, suffix):
    return "%016x-%016x%s" % (info.metadata.index, info.metadata.term, suffix)


def parsed(name):
    """Index, term and suffix of a finished snapshot; None of another file."""
    found = NAME.fullmatch(name)
    return found and (int(found[1], 16), int(found[2], 16), found[3])


class Part:
    """A snapshot that is not whole yet."""

    def __init__(self, directory, number):
        self.name, self.unsynced = "%d-%d%s" % (os.getpid(), number, PART), 0
        self.file = directory.create(self.name)

    def write(self, data):
        self.file.write(data)
        self.unsynced += len(data)
        if self.unsynced >= SYNC:
            self.file.sync()
            self.unsynced = 0

    def finish(self, info):
        """Durable when it returns, but for its name."""
        raw = info.SerializeToString()
        self.file.write(raw + END.pack(len(raw), sum_of(raw)))
        self.file.sync()


def sum_of(raw):
    return zlib.crc32(raw + struct.pack("<I", len(raw)))


def inspect(directory, name):
    """The SnapshotInfo of a file. Its content is looked at when it is read."""
    index, term, _ = parsed(name)
    with open(directory.join(name), "rb") as f:
        size = os.fstat(f.fileno()).st_size
        f.seek(max(size - END.size, 0))
        end = f.read(END.size)
        length, crc = END.unpack(end) if len(end) == END.size else (0, 0)
        if not 0 < length <= min(MAX_INFO, size - END.size):
            raise Corrupt("%s has no end" % name)
        f.seek(size - END.size - length)
        raw = f.read(length)
    if sum_of(raw) != crc:
        raise Corrupt("the end of %s is not what was written" % name)
    info = SnapshotInfo.FromString(raw)
    if (info.metadata.index, info.metadata.term, info.bytes) != (index, term, size - END.size - length):
        raise Corrupt("%s says that it is %d bytes at %d" % (name, info.bytes, info.metadata.index))
    return info
