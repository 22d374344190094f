"""The states of the conversation, and which calls may run beside each other."""

import contextlib
import threading

from .errors import Closed, InvalidArgument, NotOpen, StaleIncarnation

READY, OPENING, OPEN, CLOSED = "ready", "opening", "open", "closed"


class Lifecycle:
    """Says of each call whether it is served now (P-21, P-23, P-24, P-27).

    Calls that run beside each other share the machine; a Restore has it alone (SM-38).
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.state, self.group, self.incarnation = READY, 0, 0
        self.sharing, self.taken = 0, False

    @contextlib.contextmanager
    def opening(self, options):
        """The time of an Open. The plugin is open after it, if nothing was raised."""
        with self.changed:
            if self.state == CLOSED:
                raise Closed("closed")
            if self.state == OPEN and options.incarnation <= self.incarnation:
                raise StaleIncarnation("open with incarnation %d" % self.incarnation)
            if self.state != READY:
                raise InvalidArgument("a process is opened once")
            self.state = OPENING
        after = READY
        try:
            yield
            after = OPEN
        finally:
            with self.changed:
                closed = self.state == CLOSED
                if not closed:
                    self.state, self.group, self.incarnation = after, options.group, options.incarnation
        if closed:
            raise Closed("closed while it opened")

    def close(self, call):
        """Tells whether the plugin was open until now."""
        with self.changed:
            was_open = self.state == OPEN
            if was_open:
                self.check(call)
            self.state = CLOSED
            self.changed.notify_all()
            return was_open

    def end(self):
        """Tells whether the plugin was open until now, when its host is gone."""
        with self.changed:
            was_open, self.state = self.state == OPEN, CLOSED
            self.changed.notify_all()
            return was_open

    def give_up(self):
        """The state of the machine is not to be served any more: something has failed within a change of it."""
        with self.changed:
            self.state = CLOSED
            self.changed.notify_all()

    def check(self, call):
        """Refuses a call that is not served now, or not this plugin's."""
        if self.state == CLOSED:
            raise Closed("closed")
        if self.state != OPEN:
            raise NotOpen("not open")
        if call.incarnation < self.incarnation:
            raise StaleIncarnation("incarnation %d, open with %d" % (call.incarnation, self.incarnation))
        if (call.incarnation, call.group) != (self.incarnation, self.group):
            raise InvalidArgument("incarnation %d of group %d, open with %d of %d" % (
                call.incarnation, call.group, self.incarnation, self.group))

    @contextlib.contextmanager
    def shared(self):
        """The time of a call that waits for a Restore, and that a Restore waits for."""
        with self.changed:
            self.changed.wait_for(lambda: not self.taken or self.state == CLOSED)
            self.sharing += 1
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.sharing -= 1
                self.changed.notify_all()

    @contextlib.contextmanager
    def alone(self, call):
        """The time of a Restore."""
        with self.changed:
            self.changed.wait_for(lambda: not self.taken or self.state == CLOSED)
            self.check(call)
            self.taken = True
            self.changed.wait_for(lambda: self.sharing == 0 or self.state == CLOSED)
        try:
            self.check(call)
            yield
        finally:
            with self.changed:
                self.taken = False
                self.changed.notify_all()
