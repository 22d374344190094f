"""The machine with all of its calls; Open and Close."""

import threading

from . import wire
from .apply import Applier
from .errors import InvalidConfig
from .lifecycle import Lifecycle
from .queries import Querier
from .services import BOTH, READING, UNARY, WRITING
from .snapshots import Restorer, Views


class Limits:
    """Limits of an Open; 0 stands for the constants of the protocol (P-31)."""

    def __init__(self, given):
        self.entry = given.max_entry_bytes or (32 << 20) + (4 << 10)
        self.chunk = given.max_chunk_bytes or 1 << 20
        self.send_chunk = min(given.send_chunk_bytes or self.chunk, self.chunk)
        self.batch = given.max_batch_bytes or 16 << 20
        self.send_batch = min(given.send_batch_bytes or self.batch, self.batch)
        self.message = max(self.entry, self.batch, self.chunk, 1 << 20) + self.batch + (64 << 10)


class Core:
    """A machine and its calls.

    lock is held while apply, query, state_hash and restore run, and while save and
    query_stream begin: so the machine's methods never meet, and what save returned
    must be a view that needs none of them.
    """

    service = "StateMachine"

    def __init__(self, machine, description):
        self.machine, self.description = machine, description
        self.versions = description.command_versions.least, description.command_versions.greatest
        self.state_hash = description.state_hash
        self.is_durable = "durable" in description.capabilities
        self.life, self.lock = Lifecycle(), threading.Lock()
        self.applied, self.limits = 0, None
        self.applier, self.querier = Applier(self), Querier(self)
        self.views, self.restorer = Views(self), Restorer(self)

    def open(self, request, context):
        with self.life.opening(request.options), self.lock:
            self.limits = Limits(request.options.limits)
            check_config(self.description, request.options.config)
            self.applied = self.call("open", request.options) or 0
            return wire.OpenResponse(applied_index=self.applied, classes=self.classes(), wake=self.wake(),
                                     durable_index=self.durable())

    def sync(self, request, context):
        """The machine's sync runs beside all but a Restore, without the lock (SM-52)."""
        self.life.check(request.call)
        with self.life.shared():
            self.life.check(request.call)
            self.machine.sync()
            with self.lock:
                return wire.SyncResponse(durable_index=self.durable())

    def close(self, request, context):
        if self.life.close(request.call) and self.lock.acquire(timeout=0.5):
            try:
                self.call("close")
            finally:
                self.lock.release()
        self.views.made.clear()  # SM-35
        return wire.CloseResponse()

    def end(self):
        """Closes the machine of a host that is gone, if that did not."""
        if self.life.end():
            with self.lock:
                self.call("close")

    def methods(self):
        return {
            "Open": (UNARY, self.open, "StateMachineOpenRequest"),
            "Apply": (BOTH, self.applier.apply, "ApplyRequest"),
            "Query": (UNARY, self.querier.query, "QueryRequest"),
            "QueryStream": (WRITING, self.querier.query_stream, "QueryStreamRequest"),
            "SaveSnapshot": (WRITING, self.views.save, "StateSnapshotRequest"),
            "Restore": (READING, self.restorer.restore, "RestoreRequest"),
            "Sync": (UNARY, self.sync, "StateSyncRequest"),
            "Close": (UNARY, self.close, "CloseRequest"),
        }

    def metrics(self):
        """It is asked beside all other calls, and without the lock."""
        return self.call("metrics")

    def call(self, method, *args):
        """Calls a method that the machine need not have."""
        return getattr(self.machine, method, lambda *_: None)(*args)

    def wake(self):
        return self.call("wake") or 0

    def durable(self):
        return self.machine.durable() if self.is_durable else 0

    def classes(self):
        """A class is a prefix, "command" or "query", and "read", "write" or "administer"."""
        roles = {"read": 1, "write": 2, "administer": 3}
        return [
            wire.CommandClass(prefix=prefix, query=("command", "query").index(of) == 1, role=roles[role])
            for prefix, of, role in self.call("classes") or ()
        ]


def check_config(description, config):
    """P-20, for a plugin without keys."""
    if not description.config_schema and has_keys(config):
        raise InvalidConfig("%s takes no config" % description.name)


def has_keys(config):
    """Whether a config section has more than comments."""
    lines = [line.strip() for line in config.splitlines()]
    return b"".join(line for line in lines if not line.startswith(b"#")) not in (b"", b"{}", b"null")
