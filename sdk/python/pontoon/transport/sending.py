"""Snapshots to peers, each on a connection of its own."""

import hashlib
import queue

import grpc

from .. import wire
from ..errors import Cancelled, InvalidArgument
from ..snapshots import Received
from .errors import Refused, Unreachable, UnknownPeer
from .frames import CHUNK, END, HEADER, PIECE, SNAPSHOT, VERDICT, Broken
from .greetings import Mismatch
from .hello import Removed, text


class Sender:
    """Serves SendSnapshot."""

    def __init__(self, core):
        self.core = core

    def send(self, requests, context):
        core, first = self.core, next(requests, None)
        if first is None:
            raise InvalidArgument("the stream has no message")  # P-28
        core.life.check(first.call)
        if first.WhichOneof("part") != "header":
            raise InvalidArgument("the first message has no header")  # P-41
        link = self.dial(first.header.to)
        context.add_callback(link.cut)
        received, outcome = Received(requests, core), queue.Queue()
        try:
            core.run(self.hear, link, outcome)
            core.run(self.pump, first.header, received, link, outcome)
            error = outcome.get()
        except Broken as e:
            raise Unreachable(str(e)) from e
        finally:
            core.leave(link)
            link.close()
        if error is not None:
            raise error
        return wire.message("SendSnapshotResponse")(length=received.length)

    def dial(self, to):
        core = self.core
        with core.lock:
            peer = core.peers.get(to)
        if peer is None:
            raise UnknownPeer("member %x is not a peer" % to)
        try:
            link = core.dial(peer, SNAPSHOT)
            try:
                core.stand(link)
                return link
            except BaseException:
                link.close()
                raise
        except Removed as e:
            raise Refused(str(e)) from e
        except (Broken, Mismatch) as e:
            raise Unreachable(str(e)) from e

    def hear(self, link, outcome):
        """Waits for the verdict, which may come before the end of the snapshot (TR-36)."""
        try:
            link.wait(None)  # a host takes its time; its end, and that of the call, cut the link
            verdict = link.read_json(VERDICT)
        except Broken as e:
            outcome.put(Unreachable("there is no verdict: %s" % e))
            return
        if verdict.get("Accepted") is True:
            outcome.put(None)
        else:
            outcome.put((Unreachable if verdict.get("Later") else Refused)(text(verdict, "Text") or "refused"))

    def pump(self, header, received, link, outcome):
        """Reads as it sends. Of the connection the verdict tells; what the host breaks off gets no end (TR-37):
        the link is closed once the outcome is known."""
        try:
            link.write(HEADER, header.SerializeToString())
            digest = hashlib.sha256()
            for chunk in received.chunks():
                digest.update(chunk)
                for at in range(0, len(chunk), PIECE):
                    link.write(CHUNK, chunk[at : at + PIECE])
            if header.bytes not in (0, received.length):
                raise InvalidArgument("a snapshot of %d bytes, and %d were announced" % (received.length, header.bytes))
            link.write(END, digest.hexdigest().encode())
        except Broken:
            pass
        except grpc.RpcError:
            outcome.put(Cancelled("the call was given up"))
        except Exception as e:
            outcome.put(e)
