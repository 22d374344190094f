"""The reasons of a transport."""

from grpc import StatusCode

from ..errors import Error


class AddressInUse(Error):
    reason, code = "ADDRESS_IN_USE", StatusCode.FAILED_PRECONDITION


class UnknownPeer(Error):
    reason, code = "UNKNOWN_PEER", StatusCode.NOT_FOUND


class Unreachable(Error):
    reason, code = "PEER_UNREACHABLE", StatusCode.UNAVAILABLE


class Refused(Error):
    """Of a snapshot."""

    reason, code = "SNAPSHOT_REFUSED", StatusCode.ABORTED
