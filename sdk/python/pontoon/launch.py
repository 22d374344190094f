"""The process: environment, handshake, standard streams, signals and the end."""

import faulthandler
import inspect
import logging
import os
import signal
import sys
from concurrent import futures

import grpc
from google.protobuf import json_format

from . import log, wire
from .core import Core
from .services import handlers

COOKIE = "b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21"
THREADS = 200  # P-30
MESSAGE = 64 << 20
EX_USAGE = 64
NAMES = {"statemachine": "state machine"}


def serve(machine, *, name, version, config_schema=b"", command_versions=(0, 0), snapshot_format=0,
          snapshot_formats=(), state_hash="", requires=()):
    """Serves machine to the host that started this program. It does not return.

    config_schema is a JSON Schema of the config section; without one, a section is
    refused. command_versions are the least and the greatest that apply understands.
    snapshot_format is the number of what save makes, and snapshot_formats are others that
    restore reads. state_hash names what the method state_hash returns.
    """
    optional = (("query_stream", "query-streams"), ("wake", "timers"), ("durable", "durable"))
    capabilities = [c for method, c in optional if hasattr(machine, method)]
    description = wire.DescribeResponse(
        kind="statemachine", name=name, version=version, protocols=[1], capabilities=capabilities,
        config_schema=config_schema, requires=requires, state_hash=state_hash)
    description.command_versions.least, description.command_versions.greatest = command_versions
    if snapshot_format or snapshot_formats:
        description.snapshot_formats.written = snapshot_format
        description.snapshot_formats.readable.extend(snapshot_formats)
    check(machine, state_hash)
    start(Core, machine, description)


def start(core, plugin, description):
    """Serves the host that started this program, or says what the program is. core makes the calls of a plugin."""
    if sys.argv[1:2] == ["describe"]:
        print(json_format.MessageToJson(description))
        sys.exit(0)
    directory = os.environ.get("PLUGIN_UNIX_SOCKET_DIR")
    if os.environ.get("PONTOON_PLUGIN") != COOKIE or not directory:
        if "attach" in sys.argv:
            from . import attach  # which needs this module
            attach.serve(core, plugin, description, sys.argv[sys.argv.index("attach") + 1:])
        sys.stderr.write("%s is a %s plugin of Pontoon: a host starts it (P-1). "
                         "To see what it is, run it with the argument describe; to have it wait for a host, in a debugger for "
                         "example, with the argument attach.\n" % (description.name, NAMES.get(description.kind, description.kind)))
        sys.exit(EX_USAGE)
    run(core(plugin, description), os.path.join(directory, "s"))


def check(machine, state_hash):
    """Refuses a machine whose methods cannot be right."""
    needed = ["apply", "query", "save", "restore"]
    needed += ["state_hash"] * bool(state_hash) + ["sync"] * hasattr(machine, "durable")
    for method in needed:
        if not callable(getattr(machine, method, None)):
            raise TypeError("%s has no method %s" % (type(machine).__name__, method))
    for method in ("save", "query_stream"):
        if inspect.isgeneratorfunction(getattr(machine, method, None)):
            raise TypeError("%s is a generator, whose body runs later, beside apply: let it copy what it needs, and "
                            "return an iterator that another function makes of the copy" % method)


def run(core, path):
    lifeline, handshake = take_streams()
    log.start()
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)
    for ignored in (signal.SIGINT, signal.SIGTERM):  # P-7
        signal.signal(ignored, signal.SIG_IGN)
    name_process("pontoon-" + core.description.name)
    server = new_server(core, path)
    server.start()
    os.write(handshake, b"1|1|unix|%s|grpc|\n" % os.fsencode(path))
    while os.read(lifeline, 4096):
        pass
    os._exit(0)  # P-6


def new_server(core, path, attached=False):
    size = [("grpc.max_receive_message_length", MESSAGE), ("grpc.max_send_message_length", MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=size)
    server.add_generic_rpc_handlers(handlers(core, attached))
    server.add_insecure_port("unix:" + path)
    return server


def take_streams():
    """Takes standard input and output away from the program: children do not inherit the
    lifeline, and what is printed goes to the log (P-3, P-4, P-6)."""
    lifeline, handshake = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.flush()
    return lifeline, handshake


def name_process(name):
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write(name[:15])
    except OSError as e:
        logging.debug("the process keeps its name: %s", e)
