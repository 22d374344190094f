"""The services of a plugin: their methods by their paths."""

import logging
import os

import grpc

from . import log, wire
from .errors import answered, streamed


def session(core):
    """Session: each request is answered at once, by the thread of its stream (P-15, P-16)."""

    def serve(requests, context):
        for request in requests:
            log.set_level(request.log_level)
            yield wire.SessionResponse(seq=request.seq, metrics=metrics(core) if request.metrics else b"")

    return serve


def metrics(core):
    """Text of the machine's own; it is asked beside all other calls, and without the lock."""
    try:
        return core.call("metrics") or b""
    except Exception:
        logging.exception("metrics failed")
        return b""


def shutdown(_, context):
    """Ends the process once the answer is out."""
    context.add_callback(lambda: os._exit(0))
    return b""


def handlers(core, attached):
    """A plugin that was started by hand ends by hand: it has no Shutdown."""
    unary, reading = grpc.unary_unary_rpc_method_handler, grpc.stream_unary_rpc_method_handler
    writing, both = grpc.unary_stream_rpc_method_handler, grpc.stream_stream_rpc_method_handler

    def of(make, wrap, method, request):
        return make(wrap(method), wire.message(request).FromString, lambda answer: answer.SerializeToString())

    controller = {} if attached else {"Shutdown": unary(shutdown)}
    return [
        grpc.method_handlers_generic_handler("plugin.GRPCController", controller),
        grpc.method_handlers_generic_handler(wire.PACKAGE + "Plugin", {
            "Describe": of(unary, answered, lambda *_: core.description, "DescribeRequest"),
            "Session": of(both, streamed, session(core), "SessionRequest"),
        }),
        grpc.method_handlers_generic_handler(wire.PACKAGE + "StateMachine", {
            "Open": of(unary, answered, core.open, "StateMachineOpenRequest"),
            "Apply": of(both, streamed, core.applier.apply, "ApplyRequest"),
            "Query": of(unary, answered, core.querier.query, "QueryRequest"),
            "QueryStream": of(writing, streamed, core.querier.query_stream, "QueryStreamRequest"),
            "SaveSnapshot": of(writing, streamed, core.views.save, "StateSnapshotRequest"),
            "Restore": of(reading, answered, core.restorer.restore, "RestoreRequest"),
            "Sync": of(unary, answered, core.sync, "StateSyncRequest"),
            "Close": of(unary, answered, core.close, "CloseRequest"),
        }),
    ]
