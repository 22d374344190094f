"""Reading entries, in messages of bounded size."""

from .. import wire

MESSAGE = 10_000  # entries; a host has room for many more (P-34)


class Reader:
    """Serves Read."""

    def __init__(self, core):
        self.core = core

    def read(self, request, context):
        core, lo, hi = self.core, request.lo, request.hi
        core.life.check(request.call)
        with core.reading:
            core.state.check_read(lo, hi)
            entries = fitting(core.log.read(lo, hi), request.max_bytes) if lo < hi else []
        yield from messages(entries, core.limits.send_batch)


def fitting(entries, most):
    """The entries with at most so many bytes: one at least (ST-21)."""
    taken, size = [], 0
    for e in entries:
        size += len(e.data)
        if taken and size > most:
            break
        taken.append(e)
    return taken


def messages(entries, size):
    begin = total = 0
    for at, e in enumerate(entries):
        total += len(e.data) + 40
        if at > begin and (total > size or at - begin == MESSAGE):
            yield wire.message("ReadResponse")(entries=entries[begin:at])
            begin, total = at, len(e.data) + 40
    if begin < len(entries):
        yield wire.message("ReadResponse")(entries=entries[begin:])
