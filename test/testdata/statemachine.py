#!/usr/bin/env python3
"""A state machine plugin in Python, for tests: grpcio, and no generated code.

Its state is the list of the commands' data. The result of a command is
--result-bytes long and ends with its place in the list. Queries: "count" and
"digest". Faults: --insist sends results that nobody wants; --truncate ends
every snapshot half-way, with OK and without its end mark; --miscount ends it
half-way with the mark of the whole.
"""
import argparse
import hashlib
import os
import signal
import sys
import threading
import zlib
from concurrent import futures

import grpc

PART = 1 << 20  # results of one part of an answer
CHUNK = 128 << 10


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def fixed32(field, n):
    return varint(field << 3 | 5) + n.to_bytes(4, "little")


def data(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def fields(b):
    """Yields (field, value): values are numbers or bytes."""
    at, end = 0, len(b)

    def take():
        nonlocal at
        n = shift = 0
        while True:
            c = b[at]
            at += 1
            n |= (c & 127) << shift
            shift += 7
            if c < 128:
                return n

    while at < end:
        tag = take()
        value = take()
        if tag & 7 == 2:
            value, at = b[at : at + value], at + value
        yield tag >> 3, value


class Machine:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.entries, self.applied = [], 0
        self.snapshots, self.last_snapshot = {}, 0

    def describe(self, request, context):
        return data(1, b"statemachine") + data(2, b"python") + data(3, b"1.0.0") + data(4, varint(1))

    def session(self, requests, context):
        for request in requests:
            yield b"".join(number(1, v) for f, v in fields(request) if f == 1)

    def open(self, request, context):
        return number(1, self.applied)

    def close(self, request, context):
        return b""

    def apply(self, requests, context):
        for request in requests:
            seq = through = prepare = quiet = 0
            entries = []
            for f, v in fields(request):
                if f == 2:
                    seq = v
                elif f == 3:
                    entry = dict(fields(v))
                    entries.append((entry[1], entry.get(2, b"")))
                elif f == 4:
                    through = v
                elif f == 5:
                    prepare = v
                elif f == 6:
                    quiet = v
            with self.lock:
                results = [self.one(index, command, quiet) for index, command in entries]
                self.applied = max(self.applied, through)
                snapshot = self.prepare() if prepare else 0
            part, size = [], 0
            for r in results:
                if part and size + len(r) > PART:
                    yield number(1, seq) + b"".join(part) + number(5, 1)
                    part, size = [], 0
                part.append(r)
                size += len(r)
            yield number(1, seq) + b"".join(part) + number(3, through) + number(4, snapshot)

    def one(self, index, command, quiet):
        if index <= self.applied:
            return data(2, number(3, 1))
        self.applied = index
        self.entries.append(command)
        if quiet and not self.options.insist:
            return data(2, b"")
        result = str(len(self.entries)).encode().rjust(self.options.result_bytes)
        return data(2, data(1, result))

    def query(self, request, context):
        what = dict(fields(request)).get(2, b"")
        with self.lock:
            if what == b"count":
                return data(1, str(len(self.entries)).encode())
            digest = hashlib.sha256()
            for e in self.entries:
                digest.update(b"%d\n" % len(e) + e)
            return data(1, digest.hexdigest().encode())

    def prepare(self):
        self.last_snapshot += 1
        self.snapshots[self.last_snapshot] = list(self.entries)
        return self.last_snapshot

    def save(self, request, context):
        asked = dict(fields(request))
        with self.lock:
            entries = self.snapshots.pop(asked[2])
        if asked.get(3):
            return
        state = varint(len(entries)) + b"".join(varint(len(e)) + e for e in entries)
        crc = zlib.crc32(state)
        length = len(state)
        if self.options.truncate or self.options.miscount:
            state = state[: length // 2]
        for at in range(0, len(state), CHUNK):
            yield data(1, state[at : at + CHUNK])
        if not self.options.truncate:
            yield data(2, number(1, length) + fixed32(2, crc))

    def restore(self, requests, context):
        index, state = 0, bytearray()
        for request in requests:
            for f, v in fields(request):
                if f == 2:
                    index = dict(fields(v)).get(1, 0)
                elif f == 3:
                    state += v
        entries, at = [], 0

        def take():
            nonlocal at
            n = shift = 0
            while True:
                c = state[at]
                at += 1
                n |= (c & 127) << shift
                shift += 7
                if c < 128:
                    return n

        try:
            for _ in range(take()):
                n = take()
                if at + n > len(state):
                    raise IndexError
                entries.append(bytes(state[at : at + n]))
                at += n
        except IndexError:
            context.abort(grpc.StatusCode.DATA_LOSS, "the snapshot is cut off")
        with self.lock:
            self.entries, self.applied = entries, index
        return number(1, index) + number(2, len(state))


def serve(machine):
    if os.environ.get("PONTOON_PLUGIN") != "b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21":
        sys.exit("a plugin of pontoon, which starts it")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    size = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=size)
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "pontoon.plugin.v1.Plugin",
                {
                    "Describe": grpc.unary_unary_rpc_method_handler(machine.describe),
                    "Session": grpc.stream_stream_rpc_method_handler(machine.session),
                },
            ),
            grpc.method_handlers_generic_handler(
                "pontoon.plugin.v1.StateMachine",
                {
                    "Open": grpc.unary_unary_rpc_method_handler(machine.open),
                    "Apply": grpc.stream_stream_rpc_method_handler(machine.apply),
                    "Query": grpc.unary_unary_rpc_method_handler(machine.query),
                    "SaveSnapshot": grpc.unary_stream_rpc_method_handler(machine.save),
                    "Restore": grpc.stream_unary_rpc_method_handler(machine.restore),
                    "Close": grpc.unary_unary_rpc_method_handler(machine.close),
                },
            ),
        ]
    )
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "s")
    server.add_insecure_port("unix:" + path)
    server.start()
    print("1|1|unix|%s|grpc|" % path, flush=True)
    sys.stdin.buffer.read()  # until the host is gone
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--result-bytes", type=int, default=16)
    parser.add_argument("--insist", action="store_true")
    parser.add_argument("--truncate", action="store_true")
    parser.add_argument("--miscount", action="store_true")
    serve(Machine(parser.parse_args()))
