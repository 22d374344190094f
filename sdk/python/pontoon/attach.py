"""A plugin that is started by hand, and waits for hosts to attach to it (P-48 to P-51)."""

import copy
import logging
import os
import socket
import stat
import sys
import tempfile
import threading

from .launch import COOKIE, EX_USAGE, new_server

GREETING = 4096
MAX_PATH = 92  # leaves room for the sockets of hosts, whose paths are a little longer

TEXT = """%s %s waits for a host, whose configuration has:

    plugins:
      %s:
        address: unix://%s

"""


def serve(core, plugin, description, given):
    logging.basicConfig(level=logging.INFO, force=True)
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    if len(given) > 1:
        sys.stderr.write("%s: one path may follow the argument attach\n" % description.name)
        sys.exit(EX_USAGE)
    path = os.path.abspath(given[0]) if given else own_path(description)
    try:
        listener = listen(path)
    except OSError as e:
        sys.stderr.write("%s: %s\n" % (description.name, e))
        sys.exit(EX_USAGE)
    sys.stderr.write(TEXT % (description.kind, description.name, description.kind, path))
    hosts = Hosts(lambda: core(copy.deepcopy(plugin), description), path)
    try:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=hosts.receive, args=(connection,), daemon=True).start()
    except KeyboardInterrupt:
        os.unlink(path)
        os._exit(0)


def own_path(description):
    directory = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return os.path.join(directory, "pontoon-attach-%d" % os.getuid(), "%s-%s.sock" % (description.kind, description.name))


def listen(path):
    """Listens in a directory that no other user may enter. What is left of a plugin that has ended is replaced."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise OSError("the path %s has more than %d bytes" % (path, MAX_PATH))
    directory = os.path.dirname(path)
    os.makedirs(directory, 0o700, exist_ok=True)
    found = os.stat(directory)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise OSError("the directory %s must belong to this user alone: chmod 700 it, or give a path in another one" % directory)
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == 0:
            raise OSError("a plugin listens on %s already: end it, or give another path" % path)
    remove(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


def remove(path):
    if os.path.lexists(path) and stat.S_ISSOCK(os.lstat(path).st_mode):
        os.unlink(path)


class Hosts:
    """Serves one host after the other, each with a copy of the plugin as it was at first."""

    def __init__(self, new_core, path):
        self.new_core, self.path = new_core, path
        self.place, self.served = threading.Lock(), 0
        self.told = ""  # why a host was refused, as the log has it, since the last one attached

    def receive(self, connection):
        with connection:
            connection.settimeout(10)
            try:
                why = refusal(connection)
            except OSError:
                return
            if not why and not self.place.acquire(blocking=False):
                why = "another host is attached to it, or one that has gone left calls that still run"
            if why:
                self.tell(why)
                send(connection, "-|%s\n" % why)
                return
            try:
                self.serve(connection)
            except Exception:
                # A machine that cannot be copied, for example. The place cannot be given to another host.
                logging.exception("the host could not be served")
                os._exit(1)
            self.place.release()

    def tell(self, why):
        """Logs why a host was refused, once: one that waits asks every second."""
        if why != self.told:
            logging.warning("a host was refused: %s", why)
        self.told = why

    def serve(self, connection):
        """Serves the host on a socket of its own: what is left of the host before does not reach it."""
        core = self.new_core()
        self.served += 1
        path = "%s.%d" % (self.path, self.served)
        remove(path)
        server = new_server(core, path, attached=True)
        server.start()
        if send(connection, "1|1|unix|%s|grpc|\n" % path):
            self.told = ""
            logging.info("a host has attached")
            connection.settimeout(None)
            await_end(connection)
            logging.info("the host has gone")
        server.stop(None).wait()
        core.end()
        remove(path)


def refusal(connection):
    """Why the greeting is not that of a host that this plugin understands; empty if it is."""
    text = b""
    while not text.endswith(b"\n\n"):
        part = connection.recv(GREETING)
        text += part
        if not part or len(text) > GREETING:
            return "the other end is not a Pontoon host"
    has = dict(line.split("=", 1) for line in text.decode("utf-8", "replace").split("\n") if "=" in line)
    if has.get("PONTOON_PLUGIN") != COOKIE:
        return "the other end is not a Pontoon host"
    if "1" not in has.get("PLUGIN_PROTOCOL_VERSIONS", "").split(","):
        return "the host speaks other versions of the plugin protocol than 1"
    return ""


def send(connection, line):
    try:
        connection.sendall(os.fsencode(line))
        return True
    except OSError:
        return False  # the host has gone


def await_end(connection):
    try:
        connection.recv(1)  # a host writes nothing more
    except OSError:
        pass
