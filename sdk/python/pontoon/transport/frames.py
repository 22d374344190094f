"""Connections as sequences of frames: docs/formats/connections.md has their order and their bounds."""

import json
import socket
import struct
import threading
import time

HELLO, ANSWER, BEAT, GREETING, MESSAGE, HEADER, CHUNK, END, VERDICT = b"h", b"a", b"b", b"g", b"m", b"s", b"c", b"e", b"v"

HEAD = struct.Struct(">cI")
SMALL = 8 << 10  # bytes of a frame that is not a message, a header or a chunk, and what is around a payload
PIECE = 64 << 10  # bytes that move within the patience of a link, and the most of a chunk
SILENCE = 5.0  # seconds in which something comes on a link for messages; both ends rely on it
BEATS = SILENCE / 4

CONTROL, BULK, SNAPSHOT = "control", "bulk", "snapshot"


class Broken(Exception):
    """The connection has ended, or its other end breaks the rules."""


class Link:
    """A connection. One thread reads it, and one writes it; any may cut it. peer, lane, met and said are
    those of its greetings, once these have fitted."""

    def __init__(self, connection, message, accepted=False):
        self.connection, self.most, self.accepted = connection, message + SMALL, accepted
        self.got, self.at = b"", 0  # bytes that have come, and how many of them were taken
        self.ended = threading.Event()
        self.peer, self.lane, self.met, self.said = 0, "", None, None
        self.arriving = False  # it has a place for its snapshot
        self.wait(SILENCE)

    def wait(self, patience):
        """How long nothing may move; None is for ever."""
        self.patience = float("inf") if patience is None else patience
        try:
            self.connection.settimeout(patience)
        except OSError as e:
            raise Broken(str(e)) from e

    def cut(self):
        """Ends the connection for both ends, without waiting. The thread that owns it closes it."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.cut()
        self.connection.close()

    @staticmethod
    def framed(kind, body=b""):
        return HEAD.pack(kind, len(body)) + body

    def write(self, kind, body=b""):
        self.send(self.framed(kind, body))

    def write_json(self, kind, value):
        self.write(kind, json.dumps(value).encode())

    def send(self, data):
        """Each PIECE is taken within the patience."""
        view = memoryview(data)
        try:
            for at in range(0, len(view), PIECE):
                self.connection.sendall(view[at : at + PIECE])
        except (OSError, ValueError) as e:
            raise Broken(str(e) or type(e).__name__) from e

    def head(self):
        """Kind and length of the next frame."""
        kind, length = HEAD.unpack(self.take(HEAD.size))
        most = self.most if kind in (MESSAGE, HEADER) else PIECE if kind == CHUNK else SMALL
        if length > most:
            raise Broken("a frame %r of %d bytes, at most %d" % (kind, length, most))
        return kind, length

    def read(self):
        """Kind and body of the next frame."""
        kind, length = self.head()
        return kind, self.take(length)

    def read_json(self, want):
        """The body of a frame of that kind, which is an object."""
        kind, body = self.read()
        if kind != want:
            raise Broken("a frame %r instead of %r" % (kind, want))
        return parsed(body)

    def take(self, length):
        """So many bytes, each PIECE of which comes within the patience."""
        whole, step, late = bytearray(), PIECE, time.monotonic() + self.patience
        while len(whole) < length:
            if self.at == len(self.got):
                self.got, self.at = self.receive(late), 0
            part = self.got[self.at : self.at + length - len(whole)]
            whole += part
            self.at, step = self.at + len(part), step - len(part)
            if step <= 0:
                step, late = PIECE, time.monotonic() + self.patience
        return bytes(whole)

    def receive(self, late):
        try:
            got = self.connection.recv(PIECE)
        except (OSError, ValueError) as e:
            raise Broken(str(e) or type(e).__name__) from e
        if not got:
            raise Broken("the other end has closed the connection")
        if time.monotonic() > late:
            raise Broken("less than %d bytes came in %s s" % (PIECE, self.patience))
        return got


def parsed(body):
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise Broken("not JSON: %s" % e) from e
    if not isinstance(value, dict):
        raise Broken("not an object of JSON")
    return value
