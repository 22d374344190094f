"""Storages: an author writes a log, and hands an object of it to serve.

    class Log:
        def open(self, directory): ...    # returns a LogState
        def append(self, batches): ...    # durable when it returns
        def restart(self, state): ...     # the same, for all of the log at once
        def read(self, lo, hi): ...
        def close(self): ...

    storage.serve(Log(), name="tape", version="1.0.0")

docs/plugins/python.md says what each method is given and must return. The runtime keeps
the rules of docs/plugins/protocol-storage.md: the directory's lock and identity, what may be
appended and when it is acknowledged, reads, snapshots, and the end after a failure.
"""

from .. import launch, wire
from .core import Core
from .errors import Corrupt, NoSpace
from .logstate import Batch, LogState

__all__ = ["Batch", "Corrupt", "LogState", "NoSpace", "serve"]


def serve(log, *, name, version, config_schema=b"", requires=()):
    """Serves a log, with snapshots beside it, to the host that started this program. It does not return.

    config_schema is a JSON Schema of the config section; without one, a section is refused.
    """
    for method in ("open", "append", "restart", "read", "close"):
        if not callable(getattr(log, method, None)):
            raise TypeError("%s has no method %s" % (type(log).__name__, method))
    launch.start(Core, log, wire.DescribeResponse(
        kind="storage", name=name, version=version, protocols=[1], config_schema=config_schema, requires=requires))
