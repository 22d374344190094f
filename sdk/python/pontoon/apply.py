"""The Apply stream: requests are checked, applied and answered in order."""

import threading
import time

from . import wire
from .errors import InvalidArgument, Limit

MAX_ENTRIES = 4096  # SM-11
MAX_RESULT = 1 << 20  # SM-15
MAX_RESULTS = 64 << 20
PART = 1 << 20  # SM-14


class Refused(str):
    """A result: the application's own refusal of a command, with its text. The command has changed nothing.

    On the wire a refusal without a text is none at all.
    """

    def __new__(cls, text="refused"):
        return super().__new__(cls, text or "refused")


class Batch:
    """Entries to apply: those that the machine has not applied yet, one or more. A machine
    with durable gets a batch without entries too, if through moves the index that it keeps.

    Each entry has index, data, term, time and tick. through is the applied index after
    the batch; version is the one by which the entries are to be applied. If quiet is
    set, no result is wanted, and None does for each.
    """

    __slots__ = ("entries", "through", "version", "quiet")

    def __init__(self, entries, through, version, quiet):
        self.entries, self.through, self.version, self.quiet = entries, through, version, quiet


class Applier:
    """Serves Apply."""

    def __init__(self, core):
        self.core = core
        self.stream = threading.Lock()  # one stream at a time; the next one waits

    def apply(self, requests, context):
        with self.core.life.shared(), self.stream:
            for number, request in enumerate(requests, 1):
                self.core.life.check(request.call)
                if request.seq != number:
                    raise InvalidArgument("seq %d, want %d" % (request.seq, number))
                yield from self.answer(request)

    def answer(self, request):
        core = self.core
        with core.lock:
            fresh = [e for e in request.entries if e.index > core.applied]
            self.check(request, fresh)
            skipped = len(request.entries) - len(fresh)
            last = wire.ApplyResponse(seq=request.seq)
            begun = time.monotonic_ns()
            try:
                results = self.run(request, fresh)
                core.applied = last.applied_index = max(core.applied, request.through)
                if request.prepare_snapshot:
                    last.snapshot = core.views.prepare()
                if request.hash:
                    last.hash = core.machine.state_hash()
                last.wake, last.durable_index = core.wake(), core.durable()
                last.took_ns = time.monotonic_ns() - begun
            except BaseException:
                core.life.give_up()
                raise
        yield from parts(last, skipped, results, request.no_results)

    def run(self, request, fresh):
        core = self.core
        if not fresh and not (core.is_durable and request.through > core.applied):
            return []
        results = core.machine.apply(Batch(fresh, request.through, request.version, request.no_results))
        if len(results) != len(fresh):
            raise ValueError("apply returned %d results for %d entries" % (len(results), len(fresh)))
        return results

    def check(self, request, fresh):
        """SM-11, SM-44 and SM-32, before anything is done."""
        core, entries = self.core, request.entries
        if len(entries) > MAX_ENTRIES:
            raise Limit("%d entries, at most %d" % (len(entries), MAX_ENTRIES))
        index = time = 0
        for e in entries:
            if len(e.data) > core.limits.entry:
                raise Limit("entry %d has %d bytes, at most %d" % (e.index, len(e.data), core.limits.entry))
            if e.index <= index or e.time < time:
                raise InvalidArgument("entry %d at %d after entry %d at %d" % (e.index, e.time, index, time))
            index, time = e.index, e.time
        if request.through < index:
            raise InvalidArgument("through %d, and the last entry is %d" % (request.through, index))
        least, greatest = core.versions
        if fresh and not least <= request.version <= greatest:
            raise InvalidArgument("version %d of commands, not of %d to %d" % (request.version, least, greatest))
        if request.hash and not core.state_hash:
            raise InvalidArgument("the machine has no hash")
        if request.prepare_snapshot:
            core.views.check()


def parts(last, skipped, results, quiet):
    """The answer, in parts of PART bytes; last is the last one, without results."""
    part, size, total = wire.ApplyResponse(seq=last.seq), 0, 0
    for _ in range(skipped):
        part.results.add(skipped=True)
    for result in results:
        data, error, left_out = (b"", "", False) if quiet else fitting(result, total)
        n = len(data) + len(error.encode()) + 16
        total += n
        if size + n > PART and part.results:
            part.more = True
            yield part
            part, size = wire.ApplyResponse(seq=last.seq), 0
        part.results.add(data=data, error=error, left_out=left_out)
        size += n
    part.MergeFrom(last)
    yield part


def fitting(result, total):
    """Data, error and left_out of a result, after results of total bytes."""
    if result is None:
        return b"", "", False
    refused = isinstance(result, Refused)
    if not refused and not isinstance(result, bytes):
        raise TypeError("a result of apply is bytes, Refused or None, not %s" % type(result).__name__)
    n = len(result.encode()) if refused else len(result)
    if n > MAX_RESULT:
        return b"", "the result has %d bytes, at most %d" % (n, MAX_RESULT), True
    if total + n > MAX_RESULTS:
        return b"", "the results of the batch have more than %d bytes" % MAX_RESULTS, True
    return (b"", str(result), False) if refused else (result, "", False)
