"""A network with all calls of a transport; Open, SetPeers, Ping and Close."""

import errno
import logging
import threading
import time

from .. import wire
from ..core import Limits, check_config
from ..errors import Closed, InvalidArgument, InvalidConfig
from ..lifecycle import Lifecycle
from ..services import BOTH, READING, UNARY
from .addresses import joined, split, usable_of
from .arrivals import Arrivals
from .callers import Callers
from .errors import AddressInUse, Unreachable, UnknownPeer
from .frames import ANSWER, BULK, CONTROL, HELLO, SILENCE, SNAPSHOT, Broken, Link
from .greetings import ACTIVE, INACTIVE, REMOVED, UNVERIFIED, Book, Event
from .hello import Removed, greeting_of, json_of, judge_answer, number, text
from .intake import Intake
from .peer import Peer
from .raft import Raft
from .sending import Sender
from .tohost import ToHost

CLOSING = 0.8  # seconds that Close waits for threads: it has one


class Core:
    """A network and its calls. lock guards peers, links and what is said of them; the locks of the book and of
    the queue to the host are taken within it."""

    service = "Transport"

    def __init__(self, network, description):
        self.network, self.description = network, description
        self.scheme = description.name
        self.life, self.limits = Lifecycle(), None
        self.lock, self.idle = threading.RLock(), threading.Condition()
        self.running, self.ending, self.told = 0, False, False
        self.peers, self.removed, self.links, self.standing = {}, {}, set(), {}
        self.dialling = set()  # links that are not known yet
        self.listener = self.callers = self.tohost = None
        self.arrivals, self.raft, self.sender = Arrivals(self), Raft(self), Sender(self)

    def methods(self):
        return {
            "Open": (UNARY, self.open, "TransportOpenRequest"),
            "SetPeers": (UNARY, self.set_peers, "SetPeersRequest"),
            "Raft": (BOTH, self.raft.serve, "RaftOutbound"),
            "SendSnapshot": (READING, self.sender.send, "SendSnapshotRequest"),
            "ReceiveSnapshot": (BOTH, self.arrivals.serve, "ReceiveSnapshotRequest"),
            "Ping": (UNARY, self.ping, "PingRequest"),
            "Close": (UNARY, self.close, "CloseRequest"),
        }

    def metrics(self):
        return getattr(self.network, "metrics", bytes)()

    def open(self, request, context):
        entered = False
        try:
            with self.life.opening(request.options):
                entered = True
                return self.listen(request)
        except BaseException:
            if entered:
                self.unlisten()
            raise

    def listen(self, request):
        options = request.options
        check_config(self.description, options.config)
        if hasattr(self.network, "configure"):
            self.network.configure(options)
        self.limits, self.election = Limits(options.limits), options.election_ms / 1000
        self.cluster, self.node, self.group = options.cluster_id, options.node_id, options.group
        self.tohost = ToHost(self.limits)
        self.book = Book(self.tohost.notify, self.election)
        self.intake = Intake(2 * (self.limits.message + (8 << 10)))  # for the two lanes
        try:
            self.listener = self.network.listen(*split(request.listen))
        except OSError as e:
            refused = AddressInUse if e.errno == errno.EADDRINUSE else InvalidConfig
            raise refused("listen on %s: %s" % (request.listen, e)) from e
        except InvalidArgument as e:
            raise InvalidConfig(str(e)) from e
        self.callers = Callers(self, self.listener, self.arrivals)
        self.run(self.callers.accept)
        return wire.message("TransportOpenResponse")(address=joined(*self.listener.getsockname()[:2]))

    def unlisten(self):
        if self.listener is not None:
            try:
                self.listener.shutdown(2)  # a thread waits in accept
            except OSError:
                pass
            self.listener.close()

    def run(self, target, *args):
        """Runs a thread, for which Close waits."""
        with self.idle:
            if self.ending:
                raise Broken("this node is closing")
            self.running += 1
        try:
            threading.Thread(target=self.counted_run, args=(target, *args), daemon=True).start()
        except BaseException:
            self.done()
            raise

    def counted_run(self, target, *args):
        try:
            target(*args)
        except Exception:
            logging.exception("a thread of the transport ended")
        finally:
            self.done()

    def done(self):
        with self.idle:
            self.running -= 1
            self.idle.notify_all()

    def set_peers(self, request, context):
        """Connections stay, but for those of peers that are gone, and those that the set contradicts (TR-5, TR-33)."""
        self.life.check(request.call)
        with self.lock:
            ending, wrong = self.book.set(request), []
            if not self.told:
                self.told = True
                self.tohost.notify(Event(type=UNVERIFIED, detail="callers do not prove which members they are"))
            ending |= {m.id for m in request.removed}
            members = {p.id for p in request.peers}
            self.removed = {m.id: m for m in request.removed if m.id not in members}
            gone, self.peers = self.peers, {}
            for p in request.peers:
                known = gone.pop(p.id, None)
                peer = self.peers[p.id] = known or Peer(self, p.id)
                wrong += peer.urls.set(p.urls, self.scheme)
                if known is None:
                    peer.start()
                peer.kick()
            for id, peer in gone.items():
                peer.end()
                ending.add(id)
            for link in list(self.links):
                if link.peer in ending:
                    link.cut()
                else:
                    self.book.named(link.peer)
            for peer in self.peers.values():
                peer.rename()
        if wrong:
            raise InvalidArgument("; ".join(wrong))
        return wire.message("SetPeersResponse")()

    def send(self, envelopes):
        """Each one waits for a connection of its peer, or is reported (TR-16)."""
        with self.lock:
            for e in envelopes:
                why = self.put(e)
                if why:
                    self.tohost.lost(e.to, why)

    def put(self, e):
        peer, kind = self.peers.get(e.to), getattr(e, "class")
        if peer is None:
            return "the member is not a peer"
        if e.group != self.group or not 0 <= kind <= 2:
            return "it is not a message of this group"
        if len(e.payload) > self.limits.message - 4096:
            return "a message of %d bytes" % len(e.payload)
        if not peer.put(BULK if kind else CONTROL, e.SerializeToString()):
            return "there is no connection, or its queue is full"
        return ""

    def dial(self, peer, lane):
        """A link to a peer whose greetings have fitted. It is the caller's."""
        url = peer.urls.pick()
        if url is None:
            raise Broken("the peer has no URL that can be used")
        try:
            return self.greeted(url, peer.id, lane)
        except BaseException:
            peer.urls.failed(url)
            raise

    def greeted(self, url, peer, lane):
        said = self.book.self
        hello = {"Cluster": self.cluster, "From": self.node, "To": peer, "Lane": lane, "Greeting": json_of(said),
                 "Expected": self.book.expected(peer)}
        link, answer = self.asked(url, hello, 1 + self.election)
        try:
            link.met, link.said, link.peer, link.lane = judge_answer(self, peer, said, answer), said, peer, lane
            link.wait(SILENCE)
            return link
        except BaseException as e:
            link.close()
            if isinstance(e, Removed):
                self.tohost.notify(Event(type=REMOVED, peer=peer, index=e.index, term=e.term))
            raise

    def asked(self, url, hello, patience):
        """A link, and what its other end answers to a hello."""
        try:
            connection = self.network.dial(*url, patience)
        except OSError as e:
            raise Broken("dial %s: %s" % (joined(*url), e)) from e
        link = Link(connection, self.limits.message)
        with self.lock:
            self.dialling.add(link)
        try:
            if self.ending:
                raise Broken("this node is closing")
            link.wait(patience)
            link.write_json(HELLO, hello)
            return link, link.read_json(ANSWER)
        except BaseException:
            link.close()
            raise
        finally:
            with self.lock:
                self.dialling.discard(link)

    def stand(self, link):
        """Makes a link one of the node's until leave, unless an accepted one of the same peer for the same messages
        is there: that one is returned."""
        with self.lock:
            if self.ending or not self.book.stands(link):
                raise Broken("it does not fit any more")
            if link.accepted and link.lane != SNAPSHOT:
                for other in self.links:
                    if other.accepted and (other.peer, other.lane) == (link.peer, link.lane):
                        return other
            if not link.accepted and link.peer not in self.peers:
                raise Broken("the peer has gone")
            self.links.add(link)
            self.book.named(link.peer)
            self.standing[link.peer] = self.standing.get(link.peer, 0) + 1
            if self.standing[link.peer] == 1:
                self.tohost.notify(Event(type=ACTIVE, peer=link.peer))
            return None

    def leave(self, link):
        with self.lock:
            self.links.discard(link)
            self.standing[link.peer] -= 1
            if not self.standing[link.peer]:
                del self.standing[link.peer]
                self.tohost.notify(Event(type=INACTIVE, peer=link.peer))

    def strange(self, link):
        """Whether a caller may give way to another one."""
        with self.lock:
            return link not in self.links or link.peer not in self.peers or link.lane == SNAPSHOT and not link.arriving

    def counted(self, sender):
        """The member that a large frame counts for."""
        with self.lock:
            return sender if sender in self.peers else 0

    def ping(self, request, context):
        """TR-43 and TR-44."""
        self.life.check(request.call)
        with self.lock:
            if request.peer.id not in self.peers:
                raise UnknownPeer("member %x is not a peer" % request.peer.id)
        usable, why = usable_of(request.peer.urls, self.scheme)
        for url in usable:
            try:  # each connects and hears within its share of the time that Ping has
                return self.identified(url, request.peer.id, (4 + self.election) / 2 / len(usable))
            except Broken as e:
                why.append("%s: %s" % (joined(*url), e))
        raise Unreachable("; ".join(why) or "there is no URL that can be used")

    def identified(self, url, peer, patience):
        link, answer = self.asked(url, {"Cluster": self.cluster, "From": self.node, "Lane": CONTROL}, patience)
        link.close()
        if number(answer, "Cluster") != self.cluster or number(answer, "From") != peer:
            raise Broken("member %x of cluster %x answers: %s" % (
                number(answer, "From"), number(answer, "Cluster"), text(answer, "Text")))
        if "Greeting" in answer:
            wrong = self.book.judged(peer, greeting_of(answer["Greeting"]))
            if wrong:
                raise Broken(str(wrong))
        return wire.message("PingResponse")()

    def close(self, request, context):
        self.life.close(request.call)
        self.shut()
        return wire.CloseResponse()

    def end(self):
        """Closes the transport of a host that is gone, if that did not."""
        self.life.end()
        self.shut()

    def shut(self):
        """Ends listening, all connections and all calls (TR-45)."""
        with self.idle:
            self.ending = True
        if self.tohost is not None:
            self.tohost.end(Closed("closed"))
        self.unlisten()
        with self.lock:
            for peer in self.peers.values():
                peer.end()
            for link in [*self.links, *self.dialling]:
                link.cut()
        if self.callers is not None:
            self.callers.end()
        late = time.monotonic() + CLOSING
        with self.idle:
            self.idle.wait_for(lambda: not self.running, max(late - time.monotonic(), 0))
