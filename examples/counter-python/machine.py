"""The application: a number to which commands are added."""

import re
import struct
import zlib

import pontoon

MOST = 2**63 - 1
NUMBER = re.compile(rb"-?[0-9]{1,19}")
# A snapshot is its name with the version of the format, the length of the value in 8 bytes,
# its CRC-32 in 4, both in little endian, and the value in decimal.
MAGIC = b"counter-python/1\n"
HEAD = struct.Struct("<QI")


class Counter:
    """The state machine. Its methods never run at the same time."""

    def __init__(self):
        self.value = 0

    def apply(self, batch):
        return [self.add(entry.data) for entry in batch.entries]

    def add(self, command):
        """Applies a command, in the order of the log. One that is refused changes nothing."""
        if not NUMBER.fullmatch(command):
            return pontoon.Refused("a command is a number")
        value = self.value + int(command)
        if abs(value) > MOST:
            return pontoon.Refused("the value would be too large")
        self.value = value
        return b"%d" % value

    def query(self, data):
        """Answers a client. It changes nothing."""
        if data != b"value":
            raise pontoon.InvalidQuery("ask for value")
        return b"%d" % self.value

    def state_hash(self):
        """By it hosts find members whose states have parted."""
        return b"%d" % self.value

    def save(self):
        """Fixes the state as it is now. What is returned is read later, beside apply."""
        return [sealed(b"%d" % self.value)]

    def restore(self, index, chunks):
        """Replaces the state by that of a snapshot. An exception says that it is none."""
        raw = b"".join(chunks)
        value = raw[len(MAGIC) + HEAD.size :]
        if raw != sealed(value):
            raise ValueError("not a snapshot of a counter, or not a whole one")
        self.value = int(value)


def sealed(value):
    return MAGIC + HEAD.pack(len(value), zlib.crc32(value)) + value
