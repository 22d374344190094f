"""Addresses to listen on, and URLs of peers."""

import re
import threading

from ..errors import InvalidArgument

ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]/?#@]*)):(?P<port>[0-9]{1,5})")


def split(address):
    """Host and port."""
    found = ADDRESS.fullmatch(address)
    port = int(found["port"]) if found else 65536
    if port > 65535:
        raise InvalidArgument("%r is not host:port" % address)
    return found["six"] or found["host"] or "", port


def joined(host, port):
    return "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)


class Urls:
    """The URLs of a peer that can be used: always the same one until it fails, then the next (TR-4)."""

    def __init__(self):
        self.lock, self.known = threading.Lock(), []

    def set(self, urls, scheme):
        """Takes those of the scheme, and returns what is wrong with the others (TR-6)."""
        usable, wrong = usable_of(urls, scheme)
        with self.lock:
            first = self.known[:1]
            self.known = first + [u for u in usable if u != first[0]] if first and first[0] in usable else usable
        return wrong

    def pick(self):
        with self.lock:
            return self.known[0] if self.known else None

    def failed(self, url):
        with self.lock:
            if self.known and self.known[0] == url:
                self.known = self.known[1:] + [url]


def usable_of(urls, scheme):
    """Pairs of host and port, and what is wrong with URLs that cannot be read."""
    usable, wrong = [], []
    for url in urls:
        name, slashes, address = url.partition("://")
        try:
            if not slashes or not name:
                raise InvalidArgument("%r is not a URL" % url)
            if name.lower() == scheme:
                host, port = split(address.rstrip("/") if address.count("/") == 1 else address)
                if not host or not port:
                    raise InvalidArgument("%r has no host or no port" % url)
                usable.append((host, port))
        except InvalidArgument as e:
            wrong.append("%s: %s" % (url, e))
    return usable, wrong
