"""A log with all calls of a storage; Open, Close, Compact and InstallSnapshot."""

import threading

from .. import wire
from ..core import Limits, check_config
from ..errors import Error, InvalidArgument
from ..lifecycle import Lifecycle
from ..services import BOTH, READING, UNARY, WRITING
from .append import Appender
from .directory import Directory
from .errors import of_disk
from .logstate import Batch, hard_of
from .read import Reader
from .shelf import Shelf
from .snapshots import Snapshots

CLOSING = 0.8  # seconds that Close waits for a write: it has one


class Core:
    """A log and its calls.

    writing is held while the log changes, from the first check to the sync. reading is held while the
    state is replaced, with what the log shows to readers, and while a range is read.
    """

    service = "Storage"

    def __init__(self, log, description):
        self.log, self.description = log, description
        self.life, self.limits = Lifecycle(), None
        self.writing, self.reading = threading.Lock(), threading.Lock()
        self.directory = self.state = None
        self.unsaved = self.poisoned = False  # unsaved: the commit index is newer than the log's own
        self.shelf = Shelf()
        self.appender, self.reader, self.snapshots = Appender(self), Reader(self), Snapshots(self)

    def methods(self):
        return {
            "Open": (UNARY, self.open, "StorageOpenRequest"),
            "Append": (BOTH, self.appender.append, "AppendRequest"),
            "Read": (WRITING, self.reader.read, "ReadRequest"),
            "Compact": (UNARY, self.compact, "CompactRequest"),
            "SaveSnapshot": (READING, self.snapshots.save, "SaveSnapshotRequest"),
            "OpenSnapshot": (WRITING, self.snapshots.open, "OpenSnapshotRequest"),
            "ListSnapshots": (UNARY, self.snapshots.list, "ListSnapshotsRequest"),
            "InstallSnapshot": (UNARY, self.install, "InstallSnapshotRequest"),
            "Close": (UNARY, self.close, "CloseRequest"),
        }

    def metrics(self):
        return getattr(self.log, "metrics", bytes)()

    def open(self, request, context):
        entered = False
        try:
            with self.life.opening(request.options):
                entered = True
                with self.writing:
                    return self.recover(request.options)
        except BaseException:
            if entered:
                self.shut()
            raise

    def recover(self, options):
        check_config(self.description, options.config)
        self.limits = Limits(options.limits)
        try:
            self.directory = Directory(options, self.description.name)
            if hasattr(self.log, "configure"):
                self.log.configure(options)
            self.state = state = self.log.open(self.directory)
            self.shelf.open(self.directory, state)
            self.directory.begin()
        except OSError as e:
            raise of_disk(e) from e
        boundaries = [wire.message("TermBoundary")(term=t, index=i) for t, i in zip(state.terms, state.starts)]
        return wire.message("StorageOpenResponse")(
            hard_state=state.opened(), snapshots=self.shelf.visible(), first_index=state.base + 1,
            last_index=state.last, terms=boundaries, store_id=self.directory.store)

    def save(self, state, batches):
        """Appends batches, after which the log has that state. It needs writing."""
        if not any(b.must_sync or b.entries for b in batches) and state.hard[:2] == self.state.hard[:2]:
            self.state, self.unsaved = state, True  # a commit index alone, which the node learns again (ST-11)
            return
        if self.unsaved:
            batches = [self.commit()] + batches
        self.change(state, lambda: self.log.append(batches))

    def commit(self):
        term, vote, commit = self.state.hard
        return Batch(hard_state=dict(term=term, vote=vote, commit=commit))

    def change(self, state, write):
        """Makes a change durable, and then visible. A failure is the end of the store (ST-17)."""
        try:
            show = write()
            with self.reading:
                self.state = state
                if show is not None:
                    show()
            self.unsaved = False
        except BaseException as e:
            self.poisoned = True
            self.life.give_up()
            raise of_disk(e) from e

    def compact(self, request, context):
        self.life.check(request.call)
        with self.writing:
            self.life.check(request.call)
            state, newest = self.state, self.shelf.newest()
            if request.index > state.base:
                if request.index > newest or request.index > state.last:
                    raise InvalidArgument("compact to %d: the newest snapshot is at %d, the last entry at %d" % (
                        request.index, newest, state.last))
                state = state.compacted(request.index)
                self.change(state, lambda: self.log.restart(state))
            return wire.message("CompactResponse")(first_index=state.base + 1)

    def install(self, request, context):
        self.life.check(request.call)
        with self.writing:
            self.life.check(request.call)
            with self.shelf.installing(request.index) as installed:
                state = self.state.installed(request.index, installed.info.metadata.term, hard_of(request))

                def write():
                    show = self.log.restart(state)
                    installed.put()
                    return show

                self.change(state, write)
        return wire.message("InstallSnapshotResponse")()

    def close(self, request, context):
        self.life.close(request.call)
        self.shut()
        return wire.CloseResponse()

    def end(self):
        """Closes the store of a host that is gone, if that did not."""
        self.life.end()
        self.shut()

    def shut(self):
        """Gives up all that is held, the lock last."""
        if not self.writing.acquire(timeout=CLOSING):
            raise Error("a write still runs, and the lock of the directory is held")
        try:
            directory, self.directory = self.directory, None
            if directory is None:
                return
            self.shelf.close()
            try:
                if self.state is not None:
                    if self.unsaved and not self.poisoned:
                        self.log.append([self.commit()])
                    self.log.close()
            finally:
                directory.close()
        finally:
            self.writing.release()
