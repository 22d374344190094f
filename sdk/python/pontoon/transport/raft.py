"""The Raft stream: messages one way, messages and events the other."""

import logging
import threading
import time

import grpc

from ..errors import InvalidArgument

AGAIN = 10.0  # seconds between two lines about messages that were dropped


class Raft:
    """Serves Raft. The thread of the call sends, and another one reads, which never waits (TR-15)."""

    def __init__(self, core):
        self.core, self.turn = core, threading.Lock()
        self.dropped, self.said = 0, -AGAIN

    def serve(self, requests, context):
        first = next(requests, None)
        if first is None:
            raise InvalidArgument("the stream has no message")  # P-28
        self.core.life.check(first.call)
        if not self.turn.acquire(blocking=False):
            raise InvalidArgument("a Raft stream is open")  # TR-12
        try:
            yield from self.messages(first, requests)
        finally:
            self.turn.release()

    def messages(self, first, requests):
        tohost, read = self.core.tohost, []  # read has how reading ended, once it has

        def forward(base):
            try:
                self.forward(first, base)
                for request in requests:
                    self.forward(request, base)
                read.append(None)
            except grpc.RpcError:
                read.append(None)  # the host has gone
            except Exception as e:
                read.append(e)
            tohost.wake()

        threading.Thread(target=forward, args=(tohost.taken,), daemon=True).start()
        while True:
            message = tohost.take(lambda: bool(read))
            if message is None:
                break
            yield message
            self.tell_dropped()
        if read[0] is not None:
            raise read[0]

    def forward(self, request, base):
        """base is the number of the last message before this stream."""
        core = self.core
        core.life.check(request.call)
        envelopes = request.envelopes
        if request.heard and envelopes:
            envelopes = core.tohost.current(envelopes, base + request.heard - 1)
        if envelopes:
            core.send(envelopes)

    def tell_dropped(self):
        dropped, now = self.core.tohost.dropped, time.monotonic()
        if dropped > self.dropped and now - self.said >= AGAIN:
            logging.warning("%d messages and events found no room in the queue to the host", dropped - self.dropped)
            self.dropped, self.said = dropped, now
