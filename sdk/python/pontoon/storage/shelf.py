"""Which snapshots there are: the visible ones, and those that were received and wait for their installation."""

import contextlib
import itertools
import logging
import threading

from ..errors import Closed
from .errors import Corrupt, NoSnapshot
from .snapfiles import PART, RECEIVED, VISIBLE, Part, inspect, name_of, parsed

KEPT = 2  # visible ones (ST-30)


class Shelf:
    """lock is held while files get and lose their names: what is listed is there."""

    def __init__(self):
        self.lock, self.directory, self.numbers = threading.Lock(), None, itertools.count(1)
        self.shown, self.received, self.parts = {}, {}, set()  # by index; what is not whole yet

    def open(self, directory, state):
        """Finishes an installation that the log knows of, removes what was never installed, and holds
        the rest against the log (ST-8, ST-29)."""
        self.directory, names, damaged = directory, directory.names(), []
        for name in names:
            if name.endswith(PART) or name.endswith(RECEIVED) and parsed(name):
                self.sweep(name, names, state)
        for name in directory.names():
            if name.endswith(VISIBLE) and parsed(name):
                try:
                    self.admit(inspect(directory, name), state)
                except Corrupt as e:
                    logging.error("a snapshot is damaged and will not be used: %s", e)
                    damaged.append(name)
        self.verify(state, damaged)
        self.trim()

    def sweep(self, name, names, state):
        found = parsed(name)
        installed = name[: -len(RECEIVED)] + VISIBLE
        if found and found[:2] == (state.base, state.terms[0]) and installed not in names:
            self.directory.rename(name, installed)
        else:
            self.directory.remove(name)

    def admit(self, info, state):
        """Of two of one index, of which a crash left both, the one of the log's term stays, or that of the later term."""
        there = self.shown.get(info.metadata.index)
        if there is not None:
            known = state.base <= info.metadata.index <= state.last
            if known and there.metadata.term == state.term(info.metadata.index) or there.metadata.term > info.metadata.term:
                info, there = there, info
            self.directory.remove(name_of(there, VISIBLE))
        self.shown[info.metadata.index] = info

    def verify(self, state, damaged):
        """Acknowledged entries are there if a snapshot reaches to where the log begins, and none is of more than it has."""
        for index in [*self.shown, *(parsed(name)[0] for name in damaged)]:
            if index > state.last:
                raise Corrupt("there is a snapshot at %d, and the log ends at %d: entries are missing" % (index, state.last))
        if max(self.shown, default=0) < state.base:
            raise Corrupt("the log begins at %d, and the newest snapshot is at %d; damaged: %s" % (
                state.base + 1, max(self.shown, default=0), ", ".join(damaged) or "none"))

    def visible(self):
        with self.lock:
            return [self.shown[index] for index in sorted(self.shown)]

    def newest(self):
        with self.lock:
            return max(self.shown, default=0)

    def create(self):
        with self.lock:
            self.check()
            part = Part(self.directory, next(self.numbers))
            self.parts.add(part)
            return part

    def put(self, part, info, received):
        """Gives a finished snapshot its name."""
        with self.lock:
            self.check()
            self.directory.rename(part.name, name_of(info, RECEIVED if received else VISIBLE))
            self.parts.discard(part)
            self.replace(self.received if received else self.shown, info, RECEIVED if received else VISIBLE)
            self.trim()

    def drop(self, part):
        with self.lock:
            if part in self.parts:
                self.parts.discard(part)
                self.directory.remove(part.name)
        part.file.close()

    def replace(self, kept, info, suffix):
        """Puts info in the place of the one at its index, whose file has another name if it is of another term."""
        there = kept.get(info.metadata.index)
        if there is not None and there.metadata.term != info.metadata.term:
            self.directory.remove(name_of(there, suffix))
        kept[info.metadata.index] = info

    def trim(self):
        for index in sorted(self.shown)[:-KEPT]:
            self.directory.remove(name_of(self.shown.pop(index), VISIBLE))

    def forget(self, commit):
        """Gives up received ones that can not be installed any more (ST-29)."""
        with self.lock:
            self.check()
            for index in [i for i in self.received if i < commit]:
                self.directory.remove(name_of(self.received.pop(index), RECEIVED))

    def find(self, index):
        """The SnapshotInfo and the open file of a snapshot; of the newest visible one for 0 (ST-31)."""
        with self.lock:
            for kept, suffix in ((self.shown, VISIBLE), (self.received, RECEIVED)):
                at = index or (max(kept, default=0) if suffix == VISIBLE else 0)
                if at in kept:
                    return kept[at], open(self.directory.join(name_of(kept[at], suffix)), "rb")
        raise NoSnapshot("there is no snapshot at %d" % index)

    @contextlib.contextmanager
    def installing(self, index):
        """The time of an installation of the received snapshot at index."""
        with self.lock:
            self.check()
            if index not in self.received:
                raise NoSnapshot("no snapshot was received at %d" % index)
            yield Installation(self, self.received[index])

    def check(self):
        if self.directory is None:
            raise Closed("closed")

    def close(self):
        """Makes every later change impossible, so that the directory can be another process's.
        Files of calls that still run are closed by these."""
        with self.lock:
            for part in self.parts:
                self.directory.remove(part.name)
            self.parts, self.directory = set(), None


class Installation:
    """It has the lock of the shelf."""

    def __init__(self, shelf, info):
        self.shelf, self.info = shelf, info

    def put(self):
        """Makes the snapshot visible, after the log was made to begin at it: Open finds out what a crash left undone."""
        shelf, info = self.shelf, self.info
        shelf.directory.rename(name_of(info, RECEIVED), name_of(info, VISIBLE))
        for index in [i for i in shelf.received if i <= info.metadata.index]:
            gone = shelf.received.pop(index)
            if gone is not info:
                shelf.directory.remove(name_of(gone, RECEIVED))
        shelf.replace(shelf.shown, info, VISIBLE)
        shelf.trim()
