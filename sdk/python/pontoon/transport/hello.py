"""Hello and answer: the ends of a connection say who they are, and judge each other."""

from .frames import BULK, CONTROL, SNAPSHOT, Broken
from .greetings import Greeting, Mismatch

WELCOME, REMOVED, MISMATCHED, NOT_MEANT, NOT_READY, REFUSED = (
    "welcome", "removed", "mismatch", "not meant", "not ready", "refused")
FIELDS = ("store", "number", "founding", "voters")
MOST = 1 << 64


class Removed(Exception):
    """A peer says that this node was removed."""

    def __init__(self, index, term):
        super().__init__("this node was removed at index %d of term %d" % (index, term))
        self.index, self.term = index, term


def json_of(greeting):
    return {name.capitalize(): getattr(greeting, name) for name in FIELDS}


def number(value, name):
    """A number of a hello or an answer; 0 if it is left out."""
    n = value.get(name, 0)
    if type(n) is not int or not 0 <= n < MOST:
        raise Broken("%s is not a number of 64 bits" % name)
    return n


def greeting_of(value):
    if not isinstance(value, dict):
        raise Broken("a greeting is not an object")
    return Greeting(**{name: number(value, name.capitalize()) for name in FIELDS})


def text(value, name, most=1024):
    t = value.get(name, "")
    return t[:most] if isinstance(t, str) else ""


class Hello:
    """What a dialler says of itself, and of the node that it wants."""

    def __init__(self, value):
        self.cluster, self.sender, self.to = (number(value, name) for name in ("Cluster", "From", "To"))
        self.lane, self.expected = text(value, "Lane"), number(value, "Expected")
        self.greeting = greeting_of(value.get("Greeting", {}))


def judge_caller(core, hello):
    """The answer to a hello, and the Mismatch if there is one. A stranger of another cluster is told nothing, and
    a member that was removed is told that alone."""
    answer = {"Code": REFUSED, "Cluster": core.cluster, "From": core.node}
    removed = core.removed.get(hello.sender)
    if hello.cluster != core.cluster:
        return dict(answer, Text="this node is in cluster %x" % core.cluster)
    if removed:
        return dict(answer, Code=REMOVED, Index=removed.index, Term=removed.term)
    if hello.to != core.node or hello.sender in (0, core.node):
        return dict(answer, Greeting=json_of(core.book.self), Text="this node is %x" % core.node)  # for a ping
    if hello.lane not in (CONTROL, BULK, SNAPSHOT):
        return dict(answer, Text="this node knows no such lane")
    if not core.book.ready:
        return dict(answer, Code=NOT_READY)  # TR-34
    wrong, not_meant = core.book.call(hello.sender, hello.greeting, hello.expected)
    answer["Greeting"] = json_of(wrong.own if wrong else core.book.self)
    if not_meant:
        return dict(answer, Code=NOT_MEANT, Reason=wrong.reason)
    if wrong:
        return dict(answer, Code=MISMATCHED, Reason=wrong.reason, Known=wrong.known)
    return dict(answer, Code=WELCOME)


def judge_answer(core, peer, said, answer):
    """The greeting of a peer that welcomes this node. Of another node's word nothing is believed."""
    code = answer.get("Code")
    if number(answer, "Cluster") != core.cluster or number(answer, "From") != peer:
        raise Broken("member %x of cluster %x answers: %s" % (
            number(answer, "From"), number(answer, "Cluster"), text(answer, "Text")))
    if code == REMOVED:
        raise Removed(number(answer, "Index"), number(answer, "Term"))
    if code == NOT_READY:
        raise Broken("the peer has not been told who it is yet")
    if code not in (MISMATCHED, WELCOME, NOT_MEANT):
        raise Broken("refused: %s" % text(answer, "Text"))
    greeting = greeting_of(answer.get("Greeting", {}))
    if code == MISMATCHED:
        wrong = Mismatch(number(answer, "Reason"), said, greeting, number(answer, "Known"))
        if wrong.reason not in (1, 2, 3):
            raise Broken("refused for a reason %d" % wrong.reason)
        core.book.refused(peer, wrong)
        raise wrong
    wrong = core.book.meet(peer, greeting)
    if wrong:
        raise wrong
    if code == NOT_MEANT:
        raise Broken("the peer has another store than this node expected a moment ago")
    return greeting
