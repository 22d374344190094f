"""The log: one line of JSON on standard error for each record, at the host's level."""

import json
import logging
import sys
import threading

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
MAX_TEXT = 15 << 10  # the host cuts lines at 16 KiB


class Lines(logging.Handler):
    """Writes a traceback into the line of its record, so that it stays one record of the host's log."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream

    def emit(self, record):
        try:
            text = self.format(record)[:MAX_TEXT]
            level = "WARN" if record.levelno == logging.WARNING else record.levelname
            self.stream.write(json.dumps({"level": level, "msg": text, "logger": record.name}) + "\n")
            self.stream.flush()
        except Exception:
            self.handleError(record)


def start():
    logging.basicConfig(level=logging.INFO, handlers=[Lines(sys.stderr)], force=True)
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # errors of calls are logged where they are answered
    sys.excepthook = lambda *error: logging.critical("the plugin ends", exc_info=error)
    threading.excepthook = lambda e: logging.error("a thread ended", exc_info=(e.exc_type, e.exc_value, e.exc_traceback))


def set_level(name):
    """P-18; an empty or an unknown name changes nothing."""
    if name in LEVELS:
        logging.getLogger().setLevel(LEVELS[name])
