"""The reasons of a storage."""

import errno

from grpc import StatusCode

from ..errors import Error


class Locked(Error):
    """Of open: another process has the directory (ST-2)."""

    reason, code = "LOCKED", StatusCode.FAILED_PRECONDITION

    def __init__(self, path, holder):
        super().__init__("%s is held by %s" % (path, holder))
        self.metadata = ("path", path[:4096]), ("holder", holder[:4096])


class Corrupt(Error):
    """Bytes of the disk are not those that were written. After open the host ends."""

    reason, code = "CORRUPT", StatusCode.DATA_LOSS


class Compacted(Error):
    reason, code = "COMPACTED", StatusCode.OUT_OF_RANGE


class EntriesUnavailable(Error):
    reason, code = "ENTRIES_UNAVAILABLE", StatusCode.OUT_OF_RANGE


class NoSnapshot(Error):
    reason, code = "NO_SNAPSHOT", StatusCode.NOT_FOUND


class NoSpace(Error):
    """The disk is full."""

    reason, code = "NO_SPACE", StatusCode.RESOURCE_EXHAUSTED


def of_disk(error):
    """The error for the host of one that the disk gave."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(str(error))
    return error
