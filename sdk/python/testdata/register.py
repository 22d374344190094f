"""The register of the conformance kit, on the runtime: its state is the list of the commands' data.

With --durable it also keeps its entries in its data directory, in one file that is
replaced as a whole, and is on the disk after a sync. With --hash it has a hash of its state.
"""

import hashlib
import logging
import os
import struct
import sys
import zlib

import pontoon

MAGIC = b"register/py/1\n"


class Register:
    """The register in memory."""

    def __init__(self):
        self.entries, self.last = [], (0, 0)

    def apply(self, batch):
        return [self.one(e, batch.version) for e in batch.entries]

    def one(self, entry, version):
        self.last = entry.term, entry.time
        data = entry.data
        if data.startswith(b"refuse:"):
            return pontoon.Refused(data[7:].decode())
        if data.startswith(b"version:"):
            data = b"%d %s" % (version, data)
        self.entries.append(data)
        if data.startswith(b"result:") and data[7:].isdigit():
            return b"x" * int(data[7:])
        return b"%d" % len(self.entries)

    def query(self, data):
        if data == b"count":
            return b"%d" % len(self.entries)
        if data == b"moment":
            return b"%d %d" % self.last
        if data == b"digest":
            return self.state_hash()
        if data.startswith(b"at ") and data[3:].isdigit():
            place = int(data[3:])
            return self.entries[place - 1] if 0 < place <= len(self.entries) else b""
        raise pontoon.InvalidQuery("%.32r" % data)

    def query_stream(self, data):
        if data != b"all":
            raise pontoon.InvalidQuery("%.32r" % data)
        return list(self.entries)

    def state_hash(self):
        digest = hashlib.sha256()
        for e in self.entries:
            digest.update(b"%d\n%s" % (len(e), e))
        return digest.digest()

    def save(self):
        return saved(list(self.entries))

    def restore(self, index, chunks):
        self.entries = read(b"".join(chunks))

    def metrics(self):
        return b"register_entries %d\n" % len(self.entries)

    def classes(self):
        return [(b"refuse:", "command", "administer")]


class Kept(Register):
    """The register on disk."""

    synced = 0  # the index that is on the disk

    def open(self, options):
        self.path = os.path.join(options.data_dir, "state")
        self.identity = struct.pack("<QQ", options.cluster_id, options.node_id)
        if not os.path.exists(self.path):
            return 0
        with open(self.path, "rb") as f:
            if f.read(16) != self.identity:
                raise pontoon.WrongIdentity("%s is of another node" % self.path)
            (applied,) = struct.unpack("<Q", f.read(8))
            self.entries = read(f.read())
        self.sync()
        return applied

    def apply(self, batch):
        results = super().apply(batch)
        self.keep(batch.through)
        return results

    def restore(self, index, chunks):
        super().restore(index, chunks)
        self.keep(index)
        self.synced = 0
        self.sync()

    def keep(self, applied):
        with open(self.path + ".new", "wb") as f:
            f.write(self.identity + struct.pack("<Q", applied) + b"".join(self.save()))
        os.replace(self.path + ".new", self.path)

    def sync(self):
        if not os.path.exists(self.path):
            return
        with open(self.path, "rb") as f:
            os.fsync(f.fileno())
            (index,) = struct.unpack("<16xQ", f.read(24))
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        self.synced = max(self.synced, index)

    def durable(self):
        return self.synced


def read(raw):
    body, end = raw[:-4], raw[-4:]
    if not body.startswith(MAGIC) or struct.pack("<I", zlib.crc32(body)) != end:
        raise ValueError("not a register")
    entries, at = [], len(MAGIC)
    while at < len(body):
        (n,) = struct.unpack_from("<I", body, at)
        entries.append(body[at + 4 : at + 4 + n])
        at += 4 + n
    return entries


def saved(entries):
    crc = zlib.crc32(MAGIC)
    yield MAGIC
    for e in entries:
        piece = struct.pack("<I", len(e)) + e
        crc = zlib.crc32(piece, crc)
        yield piece
    yield struct.pack("<I", crc)


if __name__ == "__main__":
    logging.info("a register of the kit")
    register = Kept() if "--durable" in sys.argv else Register()
    pontoon.serve(register, name="register", version="1.0.0", command_versions=(0, 3), snapshot_format=1,
                  state_hash="sha256 of the entries" if "--hash" in sys.argv else "")
