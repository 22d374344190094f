"""The messages of the protocol, made of their descriptors.

wire.binpb is a FileDescriptorSet of the protocol's .proto files, so that no protoc is
needed, and no code that fits one version of protobuf alone. A test of the repository
holds it against them.
"""

import pkgutil

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "pontoon.plugin.v1."

_files = descriptor_pb2.FileDescriptorSet.FromString(pkgutil.get_data(__package__, "wire.binpb"))
_pool = descriptor_pool.DescriptorPool()
for _file in _files.file:
    _pool.AddSerializedFile(_file.SerializeToString())


def message(name):
    """The class of a message of the protocol."""
    descriptor = _pool.FindMessageTypeByName(PACKAGE + name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)  # protobuf before 4.22


DescribeResponse = message("DescribeResponse")
SessionResponse = message("SessionResponse")
StreamEnd = message("StreamEnd")
OpenResponse = message("StateMachineOpenResponse")
CommandClass = message("CommandClass")
ApplyResponse = message("ApplyResponse")
QueryResponse = message("QueryResponse")
QueryStreamChunk = message("QueryStreamChunk")
StateSnapshotChunk = message("StateSnapshotChunk")
SyncResponse = message("StateSyncResponse")
RestoreResponse = message("RestoreResponse")
CloseResponse = message("CloseResponse")
