"""The Append stream: what waits is appended with one sync, and acknowledged after it."""

import collections
import threading
import time

import grpc

from .. import wire
from ..errors import InvalidArgument

MOST = 32 << 20  # bytes of requests that wait, beside one


class Appender:
    """Serves Append. A stream begins when all of the one before it was appended (ST-18)."""

    def __init__(self, core):
        self.core, self.turn, self.last = core, threading.Lock(), None

    def append(self, requests, context):
        with self.turn:
            if self.last is not None:
                self.last.join()
            stream = Stream(self.core, requests)
            self.last = stream.writer
            stream.start()
        yield from stream.answers()


class Stream:
    """One stream: a thread takes in requests, another one appends them, and that of the call sends answers.
    So what was received is appended though the host goes away."""

    def __init__(self, core, requests):
        self.core, self.requests, self.number = core, requests, 0
        self.reader = threading.Thread(target=self.receive, daemon=True)
        self.writer = threading.Thread(target=self.run, daemon=True)
        self.changed = threading.Condition()
        self.waiting, self.bytes, self.whole = collections.deque(), 0, False
        self.durable, self.took, self.error, self.ended = 0, 0, None, False

    def start(self):
        self.reader.start()
        self.writer.start()

    def receive(self):
        try:
            for request in self.requests:
                with self.changed:
                    self.changed.wait_for(lambda: self.bytes <= MOST or self.ended)
                    if self.ended:
                        break  # after an error nothing more is taken in
                    self.waiting.append(request)
                    self.bytes += request.ByteSize()
                    self.changed.notify_all()
        except grpc.RpcError:
            pass  # the host has gone
        finally:
            with self.changed:
                self.whole = True
                self.changed.notify_all()

    def run(self):
        error = None
        try:
            while True:
                with self.changed:
                    self.changed.wait_for(lambda: self.waiting or self.whole)
                    group, self.waiting, self.bytes = list(self.waiting), collections.deque(), 0
                    self.changed.notify_all()
                if not group:
                    break
                self.write(group)
        except BaseException as e:
            error = e
        with self.changed:
            self.error, self.ended = error, True
            self.changed.notify_all()

    def write(self, group):
        """Appends what may be appended of a group, which ends at a request that is refused (ST-16)."""
        core, batches, error = self.core, [], None
        with core.writing:
            state = core.state.copy()
            for request in group:
                try:
                    self.check(request, state)
                except Exception as e:
                    error = e
                    break
                self.number = request.seq
                state.take(request)
                request.ClearField("call")
                request.ClearField("seq")
                batches.append(request)
            begun = time.monotonic_ns()
            if batches:
                core.save(state, batches)
            took = time.monotonic_ns() - begun
        if batches:
            with self.changed:
                self.durable, self.took = self.number, took
                self.changed.notify_all()
        if error is not None:
            raise error

    def check(self, request, state):
        self.core.life.check(request.call)
        if request.seq != self.number + 1:
            raise InvalidArgument("seq %d, want %d" % (request.seq, self.number + 1))
        state.check(request, self.core.limits)

    def answers(self):
        told = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.durable > told or self.ended)
                if self.durable == told:
                    break
                told, took = self.durable, self.took
            yield wire.message("AppendResponse")(seq=told, took_ns=took)
        if self.error is not None:
            raise self.error
