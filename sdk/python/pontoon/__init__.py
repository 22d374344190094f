"""Runtime of Pontoon's plugins in Python: state machines, and in the packages
storage and transport those.

An author writes a class and hands an object of it to serve:

    class Sum:
        total = 0

        def apply(self, batch):
            return [self.add(entry.data) for entry in batch.entries]

        def query(self, data):
            return b"%d" % self.total
        ...

    pontoon.serve(Sum(), name="sum", version="1.0.0")

docs/plugins/python.md says what each method is given and must return. The runtime keeps
the rules of docs/plugins/protocol.md; it needs grpcio and protobuf, and no generated code.
"""

from .apply import Batch, Refused
from .errors import BadSnapshot, InvalidConfig, InvalidQuery, WrongIdentity
from .launch import serve

__all__ = ["BadSnapshot", "Batch", "InvalidConfig", "InvalidQuery", "Refused", "WrongIdentity", "serve"]
