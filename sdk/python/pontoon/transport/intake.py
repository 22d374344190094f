"""How much of large frames may be on its way at one time."""

import contextlib
import threading

from .frames import SMALL, Broken


class Intake:
    """Counts for each member, and for all others together, which are number 0."""

    def __init__(self, most):
        self.most, self.lock, self.held = most, threading.Lock(), {}

    @contextlib.contextmanager
    def taken(self, sender, length):
        """The time in which a frame of that length is read."""
        if length <= SMALL:
            yield
            return
        with self.lock:
            held = self.held.get(sender, 0)
            if held + length > self.most:
                raise Broken("too much is on its way from member %x" % sender)
            self.held[sender] = held + length
        try:
            yield
        finally:
            with self.lock:
                self.held[sender] -= length
                if not self.held[sender]:
                    del self.held[sender]
