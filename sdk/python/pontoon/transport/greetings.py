"""Greetings: what this node says of itself, what others said, and with it, which of them may talk to which (TR-27 to TR-34)."""

import logging
import threading
import time

from .. import wire

Event, Greeting = wire.message("Event"), wire.message("Greeting")
UNREACHABLE, ACTIVE, INACTIVE, REMOVED, OFFERED, GREETED, MISMATCH, UNVERIFIED = range(1, 9)
STORE, FOUNDING, NUMBER = 1, 2, 3
JUDGED, REFUSED_BY_PEER = 1, 2
STRANGERS = 64  # that are remembered, and told in an election timeout


class Mismatch(Exception):
    """Two greetings that do not belong together. known is the store with which the side that judged knows the other."""

    def __init__(self, reason, own, peer, known=0):
        super().__init__("the greetings do not fit: reason %d" % reason)
        self.reason, self.own, self.peer, self.known = reason, own, peer, known

    def event(self, peer, verdict):
        detail = SENTENCES.get(self.reason, "the peer refuses this member for another reason")
        if self.reason == STORE:
            known, said = (self.known, self.own.store) if verdict == REFUSED_BY_PEER else (self.known, self.peer.store)
            which = "the peer knows this member" if verdict == REFUSED_BY_PEER else "the peer is known"
            detail = "%s with the store %016x, and it says %016x: its disk was emptied or replaced, or it is a copy of its directory" % (
                which, known, said)
        return Event(type=MISMATCH, peer=peer, greeting=self.peer, reason=self.reason, verdict=verdict, known=self.known, detail=detail)


SENTENCES = {
    FOUNDING: "the peer's cluster was founded with other members or addresses than this node's",
    NUMBER: "the peer's cluster has another number than this node's: it was founded by itself",
}


def judge(own, peer, known):
    """The Mismatch of a peer's greeting; None if it fits (TR-27)."""
    if known and peer.store != known:
        return Mismatch(STORE, own, peer, known)
    if own.founding and peer.founding and own.founding != peer.founding:
        return Mismatch(FOUNDING, own, peer)
    if own.number and peer.number and own.number != peer.number:
        return Mismatch(NUMBER, own, peer)
    return None


class Page:
    """What is known of one peer."""

    def __init__(self):
        self.member = False
        self.named = self.pinned = 0  # its store, by the host's word, or the first one seen
        self.last, self.again = Greeting(), False  # again: it is to be told once more
        self.heard, self.said = time.monotonic(), {}

    def known(self):
        return self.named or self.pinned

    def name(self, store):
        if not store and self.named:
            self.pinned = 0
        if not self.member:
            self.again = self.last != Greeting()
        self.member, self.named = True, store


class Book:
    """A page for each peer. It calls notify with its lock held, so that a greeting is told before what follows it."""

    def __init__(self, notify, quiet):
        self.notify, self.quiet, self.lock = notify, quiet, threading.RLock()
        self.ready, self.alone, self.self, self.pages = False, True, Greeting(), {}
        self.told, self.since = 0, 0.0

    def set(self, request):
        """Takes a SetPeers, and returns the peers whose connections end."""
        with self.lock:
            anew = self.self.store != request.self.store
            self.self, self.ready, self.alone = request.self, True, not request.peers
            stay, broken = {p.id for p in request.peers}, set()
            for p in request.peers:
                self.page(p.id).name(p.store)
            for id, page in list(self.pages.items()):
                if page.member and id not in stay:
                    del self.pages[id]
                elif anew or judge(self.self, page.last, page.known()):
                    broken.add(id)
            return broken

    def meet(self, peer, greeting, stays=True):
        """The Mismatch of what a peer says. If it fits the host was told of it."""
        with self.lock:
            page = self.page(peer)
            page.heard = time.monotonic()
            wrong = judge(self.self, greeting, page.known())
            if wrong:
                self.tell(peer, page, wrong, JUDGED)
            if wrong or not stays:
                return wrong
            if not page.known() and page.member:
                page.pinned = greeting.store
            if greeting != page.last or page.again:
                page.last, page.again = greeting, not page.member and not self.room(page.heard)
                if not page.again:
                    self.notify(Event(type=GREETED, peer=peer, greeting=greeting))
            return None

    def room(self, now):
        """Whether the host may hear of one more stranger (TR-29)."""
        if now - self.since >= self.quiet:
            self.told, self.since = 0, now
        self.told += 1
        return self.told <= STRANGERS

    def named(self, peer):
        """Tells what a peer said as a stranger, once it is a member."""
        with self.lock:
            page = self.pages.get(peer)
            if page and page.member and page.again:
                self.meet(peer, page.last)

    def expected(self, peer):
        """The store that a peer must say; 0 for any."""
        with self.lock:
            page = self.pages.get(peer)
            return page.known() if page else 0

    def judged(self, peer, greeting):
        """The Mismatch of a peer that is only asked; nothing is noted."""
        with self.lock:
            return judge(self.self, greeting, self.expected(peer))

    def call(self, caller, greeting, expected):
        """Judges a caller that wants this node to have a store: the Mismatch, and whether the caller judges it itself."""
        with self.lock:
            meant = expected in (0, self.self.store)
            wrong = self.meet(caller, greeting, stays=meant)
            if wrong or meant:
                return wrong, False
            wrong = Mismatch(STORE, self.self, greeting, expected)
            self.tell(caller, self.page(caller), wrong, REFUSED_BY_PEER)
            return wrong, True

    def refused(self, peer, wrong):
        """Notes that a peer has refused this node, unless its word contradicts itself."""
        if wrong.reason == STORE and wrong.known in (0, wrong.own.store):
            return
        with self.lock:
            self.tell(peer, self.page(peer), wrong, REFUSED_BY_PEER)

    def stands(self, link):
        """Whether a connection may stay with what both ends have said on it."""
        with self.lock:
            return link.said.store == self.self.store and not judge(self.self, link.met, self.page(link.peer).known())

    def tell(self, peer, page, wrong, verdict):
        """Of strangers it is told only while there are no members: they may be this node's cluster."""
        now, line = time.monotonic(), (wrong.reason, verdict)
        if not page.member and not self.alone or now - page.said.get(line, -self.quiet) < self.quiet:
            return
        page.said[line] = now
        logging.warning("member %x and this node do not belong together, reason %d", peer, wrong.reason)
        self.notify(wrong.event(peer, verdict))

    def page(self, peer):
        page = self.pages.get(peer)
        if page is None:
            strangers = [id for id, p in self.pages.items() if not p.member]
            if len(strangers) >= STRANGERS:
                del self.pages[min(strangers, key=lambda id: self.pages[id].heard)]
            page = self.pages[peer] = Page()
        return page
