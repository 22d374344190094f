"""Errors of calls, and their way to the host: a code, a text and the reason."""

import functools
import logging

import grpc

DOMAIN = b"pontoon.plugin.v1"
MAX_TEXT = 4 << 10  # P-37


class Error(Exception):
    """An error with a reason that the host acts on (P-35)."""

    reason, code = "", grpc.StatusCode.UNKNOWN
    metadata = ()  # pairs of texts


class InvalidConfig(Error):
    """Of open: the config section cannot be used. The host ends, and shows the text."""

    reason, code = "INVALID_CONFIG", grpc.StatusCode.INVALID_ARGUMENT


class WrongIdentity(Error):
    """Of open: the data belongs to another cluster or node. The host ends."""

    reason, code = "WRONG_IDENTITY", grpc.StatusCode.FAILED_PRECONDITION


class InvalidQuery(Error):
    """Of query and query_stream: the bytes make no sense. The client is told."""

    reason, code = "INVALID_QUERY", grpc.StatusCode.INVALID_ARGUMENT


class BadSnapshot(Error):
    """Of restore: the bytes are not a whole snapshot of this application."""

    reason, code = "BAD_SNAPSHOT", grpc.StatusCode.DATA_LOSS


class NotOpen(Error):
    reason, code = "NOT_OPEN", grpc.StatusCode.FAILED_PRECONDITION


class Closed(Error):
    reason, code = "CLOSED", grpc.StatusCode.FAILED_PRECONDITION


class StaleIncarnation(Error):
    reason, code = "STALE_INCARNATION", grpc.StatusCode.ABORTED


class Limit(Error):
    reason, code = "LIMIT", grpc.StatusCode.RESOURCE_EXHAUSTED


class InvalidArgument(Error):
    reason, code = "INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT


class NoQueryStreams(Error):
    reason, code = "NO_QUERY_STREAMS", grpc.StatusCode.UNIMPLEMENTED


class TooManyStreams(Error):
    reason, code = "TOO_MANY_STREAMS", grpc.StatusCode.RESOURCE_EXHAUSTED


class Cancelled(Error):
    reason, code = "CANCELLED", grpc.StatusCode.CANCELLED


def answered(method):
    """Makes a unary method's exceptions the status of its call."""

    @functools.wraps(method)
    def handler(request, context):
        try:
            return method(request, context)
        except Exception as e:
            _abort(context, method.__name__, e)

    return handler


def streamed(method):
    """answered, for a method whose answer is a stream."""

    @functools.wraps(method)
    def handler(request, context):
        try:
            yield from method(request, context)
        except Exception as e:
            _abort(context, method.__name__, e)

    return handler


def _abort(context, method, error):
    if isinstance(error, grpc.RpcError):  # reading on, after the host has given the call up
        error = Cancelled("the call was given up")
    if not isinstance(error, Error):
        logging.exception("%s failed", method)
        error = Error("%s: %r" % (method, error))
    text = str(error).encode(errors="replace")[:MAX_TEXT].decode(errors="ignore")
    if error.reason:
        context.set_trailing_metadata((("grpc-status-details-bin", _details(error.code, text, error.reason, error.metadata)),))
    context.abort(error.code, text)


def _details(code, text, reason, metadata=()):
    """A google.rpc.Status with one ErrorInfo, as P-36 has it."""
    info = _field(1, reason.encode()) + _field(2, DOMAIN)
    for key, value in metadata:
        info += _field(3, _field(1, key.encode()) + _field(2, value.encode(errors="replace")))
    detail = _field(1, b"type.googleapis.com/google.rpc.ErrorInfo") + _field(2, info)
    return bytes((1 << 3, code.value[0])) + _field(2, text.encode()) + _field(3, detail)


def _field(number, value):
    """A field of protobuf with bytes."""
    length, out = len(value), bytearray((number << 3 | 2,))
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out) + value
