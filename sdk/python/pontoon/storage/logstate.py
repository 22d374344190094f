"""What a log amounts to beside its entries, and what the protocol forbids with it."""

import bisect
import types

from .. import wire
from ..errors import Error, InvalidArgument, Limit
from .errors import Compacted, Corrupt, EntriesUnavailable

Batch = wire.message("AppendRequest")
UNCHANGED = 0, 0, 0
MAX_TYPE = 255
UNBOUNDED = types.SimpleNamespace(entry=float("inf"), batch=float("inf"))  # other limits were set when it was appended


def hard_of(batch):
    """Term, vote and commit of a batch; zeros if it leaves them as they are."""
    h = batch.hard_state
    return h.term, h.vote, h.commit


class LogState:
    """base is the last index that was given up and last that of the last entry: the same in an empty log.
    hard is term, vote and commit. A change is made to a copy, which takes the place of the state at once."""

    __slots__ = ("base", "last", "hard", "starts", "terms")

    def __init__(self, base=0, term=0, hard=UNCHANGED):
        self.base = self.last = base
        self.hard = hard
        self.starts, self.terms = [base], [term]  # the boundaries of ST-6

    def copy(self):
        made = LogState(hard=self.hard)
        made.base, made.last, made.starts, made.terms = self.base, self.last, self.starts[:], self.terms[:]
        return made

    def term(self, index):
        """The term of an entry from base to last."""
        return self.terms[max(bisect.bisect_right(self.starts, index), 1) - 1]

    def take(self, batch):
        """Takes in a batch that check has let through."""
        if batch.entries:
            self.cut(batch.entries[0].index)
        for e in batch.entries:
            self.last = e.index
            if e.term != self.terms[-1]:
                self.starts.append(e.index)
                self.terms.append(e.term)
        if hard_of(batch) != UNCHANGED:
            self.hard = hard_of(batch)

    def recover(self, raw):
        """Takes in a batch that the disk has, and returns it. One that cannot be read, or that does not follow
        what came before, is damage."""
        try:
            batch = Batch.FromString(raw)
        except Exception as e:  # the error has no class of its own in all versions
            raise Corrupt("a batch after the entry %d cannot be read: %s" % (self.last, e)) from e
        try:
            self.check(batch, UNBOUNDED)
        except Error as e:
            raise Corrupt(str(e)) from e
        self.take(batch)
        return batch

    def cut(self, first):
        """Discards the entries from first on, which is above base."""
        self.last = first - 1
        n = max(bisect.bisect_left(self.starts, first), 1)
        del self.starts[n:], self.terms[n:]

    def compacted(self, index):
        """The state without the entries up to index, which is from base to last."""
        made, n = self.copy(), bisect.bisect_right(self.starts, index)
        made.base, made.starts, made.terms = index, [index] + self.starts[n:], [self.term(index)] + self.terms[n:]
        return made

    def opened(self):
        """The hard state that Open answers (ST-5)."""
        term, vote, commit = self.hard
        return wire.message("HardState")(term=term, vote=vote, commit=max(commit, self.base))

    def check(self, batch, limits):
        """ST-14 and ST-15."""
        last, entries = self.last, batch.entries
        if entries:
            self.check_entries(entries, limits)
            last = entries[-1].index
        self.follow(hard_of(batch))
        if batch.hard_state.commit > last:
            raise InvalidArgument("commit %d beyond the last index %d" % (batch.hard_state.commit, last))

    def check_entries(self, entries, limits):
        first, size = entries[0].index, 0
        if first > self.last + 1 or first <= max(self.base, self.hard[2]):
            raise InvalidArgument("entries begin at %d, the log is [%d,%d] with commit %d" % (
                first, self.base + 1, self.last, self.hard[2]))
        term = self.term(first - 1)
        for index, e in enumerate(entries, first):
            if e.index != index or e.term < term or not e.term or not 0 <= e.type <= MAX_TYPE:
                raise InvalidArgument("entry %d of term %d and type %d, where %d of at least term %d comes next" % (
                    e.index, e.term, e.type, index, term))
            if len(e.data) > limits.entry:
                raise Limit("entry %d has %d bytes, at most %d" % (index, len(e.data), limits.entry))
            size, term = size + len(e.data), e.term
        if len(entries) > 1 and size > limits.batch:
            raise Limit("%d entries have %d bytes, at most %d" % (len(entries), size, limits.batch))

    def follow(self, hard):
        """The hard state after this one (ST-13)."""
        if hard == UNCHANGED:
            return self.hard
        if hard[0] < self.hard[0] or hard[2] < self.hard[2]:
            raise InvalidArgument("a hard state of term %d and commit %d after term %d and commit %d" % (
                hard[0], hard[2], self.hard[0], self.hard[2]))
        return hard

    def check_read(self, lo, hi):
        """ST-22."""
        if lo > hi:
            raise InvalidArgument("read [%d,%d)" % (lo, hi))
        if lo <= self.base:
            raise Compacted("read [%d,%d), the first index is %d" % (lo, hi, self.base + 1))
        if hi > self.last + 1:
            raise EntriesUnavailable("read [%d,%d), the last index is %d" % (lo, hi, self.last))

    def check_snapshot(self, index, term):
        """ST-28, of a snapshot of this node's own log."""
        if index > self.last or index >= self.base and term != self.term(index):
            raise InvalidArgument("a snapshot at %d of term %d is not of the log [%d,%d]" % (
                index, term, self.base + 1, self.last))

    def installed(self, index, term, hard):
        """The state after a snapshot was installed with a hard state (ST-35, ST-36)."""
        if index <= self.base or index < self.hard[2] or hard[2] > index:
            raise InvalidArgument("the log begins at %d, its commit is %d, the new one %d" % (
                self.base + 1, self.hard[2], hard[2]))
        if hard != UNCHANGED:
            hard = hard[0], hard[1], index
        term_then, vote, _ = self.follow(hard)
        return LogState(index, term, (term_then, vote, index))
