"""The directory of a store: its lock, the file that says whose it is, and files whose names are durable."""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import struct
import time
import zlib

from ..errors import WrongIdentity
from .errors import Corrupt, Locked

LOCK, IDENTITY, PART = "LOCK", "identity", "identity.tmp"
OWN = LOCK, PART, "lost+found"  # what a directory may have without an identity: the last one is of its file system
# version, salt, cluster, node, group, store and whether the log exists; between a mark of 8 bytes and a CRC-32
FORM = struct.Struct("<IIQQQQI")
VERSION = 1
SUM = struct.Struct("<I")


class File:
    """A file that grows at its end. Nothing of it waits in a buffer."""

    def __init__(self, path):
        self.fd, self.size = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), 0

    def write(self, data):
        left = memoryview(data)
        while left:
            n = os.write(self.fd, left)
            self.size, left = self.size + n, left[n:]

    def sync(self):
        os.fsync(self.fd)

    def close(self):
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Directory:
    """It belongs to this process until close. store is the id of the store (ST-3), salt are 4 random
    bytes of it, for sums that data of clients cannot have, and begun says that the log was there once."""

    def __init__(self, options, backend):
        self.path = options.data_dir
        self.mark = mark_of(backend)
        self.lock = take(self.join(LOCK), options)
        try:
            self.load(options)
        except BaseException:
            self.close()
            raise

    def join(self, name):
        return os.path.join(self.path, name)

    def names(self):
        return sorted(os.listdir(self.path))

    def read(self, name):
        """The bytes of a file; None if there is none."""
        try:
            with open(self.join(name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def create(self, name):
        """A new file, in the place of one that is there."""
        return File(self.join(name))

    def rename(self, name, to):
        """Durable when it returns: the file was synced before."""
        os.rename(self.join(name), self.join(to))
        self.sync()

    def remove(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.join(name))

    def sync(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self):
        fd, self.lock = self.lock, -1
        if fd >= 0:
            os.close(fd)  # and the lock is gone

    def load(self, options):
        """Finds out whose directory it is (P-22), or makes it that of options."""
        self.owner = options.cluster_id, options.node_id, options.group
        raw = self.read(IDENTITY)
        if raw is None:
            return self.first(options)
        if raw[:8] != self.mark:
            raise WrongIdentity("the directory %s is of another storage, whose mark is %r" % (self.path, raw[:8]))
        version, salt, *owner, self.store, begun = self.decoded(raw)
        if version != VERSION:
            raise WrongIdentity("the directory %s has the form %d, this one is %d" % (self.path, version, VERSION))
        if tuple(owner) != self.owner:
            raise WrongIdentity("the directory is of cluster %x, node %x, group %d, and was opened for %x, %x, %d" % (
                *owner, *self.owner))
        self.salt, self.begun = SUM.pack(salt), bool(begun)

    def decoded(self, raw):
        body = raw[8:-SUM.size]
        if len(body) != FORM.size or SUM.pack(zlib.crc32(raw[:-SUM.size])) != raw[-SUM.size:]:
            raise Corrupt("%s has %d bytes that are not an identity" % (IDENTITY, len(raw)))
        return FORM.unpack(body)

    def first(self, options):
        stray = [name for name in self.names() if name not in OWN]
        if stray:
            raise Corrupt("there is %s in %s, and no file %s" % (stray[0], self.path, IDENTITY))
        self.salt, self.store = secrets.token_bytes(4), options.store_id or secrets.randbits(64) or 1
        self.begun = False
        self.write()

    def begin(self):
        """Notes that the log exists, so that one that is gone is damage."""
        if not self.begun:
            self.begun = True
            self.write()

    def write(self):
        raw = self.mark + FORM.pack(VERSION, *SUM.unpack(self.salt), *self.owner, self.store, self.begun)
        f = self.create(PART)
        try:
            f.write(raw + SUM.pack(zlib.crc32(raw)))
            f.sync()
        finally:
            f.close()
        self.rename(PART, IDENTITY)


def mark_of(backend):
    """The first bytes of the directories of storages of that name. Shipped ones have three capital letters there."""
    digest = hashlib.sha256(backend.encode()).digest()
    return b"PONT" + base64.b32encode(digest[:2])[:3].lower() + b"\x01"


def take(path, options):
    """The lock is the kernel's and ends with its process (ST-1). The file names its holder, for people."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"plugin pid %d (host pid %d, node %s) since %s" % (
            os.getpid(), os.getppid(), options.node_name.encode()[:256], time.strftime("%FT%TZ", time.gmtime()).encode()), 0)
        return fd
    except BlockingIOError:
        holder = os.pread(fd, 4096, 0).decode(errors="replace") or "a process that has just started"
        os.close(fd)
        raise Locked(path, holder) from None
    except BaseException:
        os.close(fd)
        raise
