"""Transports: an author writes a network, and hands an object of it to serve.

    class Network:
        def listen(self, host, port): ...         # returns a socket that listens
        def dial(self, host, port, timeout): ...  # returns one that is connected

    transport.serve(Network(), name="pigeon", version="1.0.0")

docs/plugins/python.md says what each method is given and must return. The runtime keeps
the rules of docs/plugins/protocol-transport.md: which callers are heard, greetings, queues,
reports of what was lost, and snapshots. Between members it speaks as
docs/formats/connections.md says.
"""

from .. import launch, wire
from .core import Core

__all__ = ["serve"]


def serve(network, *, name, version, config_schema=b"", requires=()):
    """Serves a network to the host that started this program. It does not return.

    name is the scheme of peers' URLs as well. config_schema is a JSON Schema of the config
    section; without one, a section is refused.
    """
    for method in ("listen", "dial"):
        if not callable(getattr(network, method, None)):
            raise TypeError("%s has no method %s" % (type(network).__name__, method))
    launch.start(Core, network, wire.DescribeResponse(
        kind="transport", name=name, version=version, protocols=[1], capabilities=["ping", "scheme:" + name],
        config_schema=config_schema, requires=requires))
