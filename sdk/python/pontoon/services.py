"""The services of a plugin: their methods by their paths."""

import logging
import os

import grpc

from . import log, wire
from .errors import answered, streamed

# The forms of calls: one message or a stream, either way.
UNARY = grpc.unary_unary_rpc_method_handler, answered
READING = grpc.stream_unary_rpc_method_handler, answered
WRITING = grpc.unary_stream_rpc_method_handler, streamed
BOTH = grpc.stream_stream_rpc_method_handler, streamed


def session(core):
    """Session: each request is answered at once, by the thread of its stream (P-15, P-16)."""

    def serve(requests, context):
        for request in requests:
            log.set_level(request.log_level)
            yield wire.SessionResponse(seq=request.seq, metrics=metrics(core) if request.metrics else b"")

    return serve


def metrics(core):
    """Text of the plugin's own."""
    try:
        return core.metrics() or b""
    except Exception:
        logging.exception("metrics failed")
        return b""


def shutdown(_, context):
    """Ends the process once the answer is out."""
    context.add_callback(lambda: os._exit(0))
    return b""


def handlers(core, attached):
    """A plugin that was started by hand ends by hand: it has no Shutdown."""
    controller = {} if attached else {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}
    plugin = {
        "Describe": (UNARY, lambda *_: core.description, "DescribeRequest"),
        "Session": (BOTH, session(core), "SessionRequest"),
    }
    return [
        grpc.method_handlers_generic_handler("plugin.GRPCController", controller),
        of_service("Plugin", plugin), of_service(core.service, core.methods()),
    ]


def of_service(name, methods):
    """The handler of methods, each a form, a function and the name of its request."""

    def of(form, method, request):
        make, wrap = form
        return make(wrap(method), wire.message(request).FromString, lambda answer: answer.SerializeToString())

    return grpc.method_handlers_generic_handler(wire.PACKAGE + name, {key: of(*m) for key, m in methods.items()})
