"""Rules of storages that the conformance kit does not reach, on the calls themselves."""

import errno
import os
import queue
import tempfile
import threading
import unittest
import zlib

from pontoon import errors, storage, wire
from pontoon.storage.core import Core
from pontoon.storage.directory import mark_of
from pontoon.storage.errors import Locked

CALL = {"group": 1, "incarnation": 7}


class Log:
    """A log in memory, whose writes wait until they are let go, and fail if they are told to."""

    def __init__(self):
        self.entries, self.base, self.appends = [], 0, []
        self.began, self.go, self.error = threading.Semaphore(0), threading.Event(), None
        self.go.set()
        self.closed = False

    def open(self, directory):
        return storage.LogState()

    def append(self, batches):
        self.began.release()
        self.go.wait(30)
        if self.error:
            raise self.error
        self.appends.append(len(batches))
        return lambda: [self.take(b) for b in batches]

    def take(self, batch):
        if batch.entries:
            self.entries[batch.entries[0].index - self.base - 1 :] = batch.entries

    def restart(self, state):
        def show():
            self.entries = self.entries[state.base - self.base : state.last - self.base]
            self.base = state.base

        return show

    def read(self, lo, hi):
        return self.entries[lo - self.base - 1 : hi - self.base - 1]

    def close(self):
        self.closed = True


class Requests:
    """The host's half of a stream."""

    def __init__(self):
        self.sent = queue.Queue()

    def send(self, seq, *data, must_sync=True, first=None, **hard):
        entries = [dict(index=i, term=1, data=d) for i, d in enumerate(data, first or seq)]
        self.sent.put(wire.message("AppendRequest")(
            call=CALL, seq=seq, entries=entries, must_sync=must_sync, hard_state=hard))

    def end(self):
        self.sent.put(None)

    def __iter__(self):
        return iter(self.sent.get, None)


class Storages(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = temporary.name
        self.log = Log()
        self.core = self.opened(self.log)

    def opened(self, log):
        core = Core(log, wire.DescribeResponse(kind="storage", name="tape"))
        options = dict(CALL, data_dir=self.path, cluster_id=1, node_id=2, node_name="n1", limits=dict(send_batch_bytes=100))
        self.answer = core.open(wire.message("StorageOpenRequest")(options=options), None)
        self.addCleanup(core.end)
        return core

    def append(self, *data):
        requests = Requests()
        for seq, d in enumerate(data, 1):
            requests.send(seq, d)
        requests.end()
        return [a.seq for a in self.core.appender.append(requests, None)]

    def read(self, lo, hi, most=1 << 20):
        request = wire.message("ReadRequest")(call=CALL, lo=lo, hi=hi, max_bytes=most)
        return [[e.data for e in m.entries] for m in self.core.reader.read(request, None)]

    def request(self, name, **fields):
        return wire.message(name)(call=CALL, **fields)

    def save(self, index, content, received=False, term=1):
        header = dict(metadata=dict(index=index, term=term), received=received)
        parts = [dict(header=header), dict(chunk=content), dict(end=dict(length=len(content), crc32=zlib.crc32(content)))]
        return self.core.snapshots.save(iter([self.request("SaveSnapshotRequest", **p) for p in parts]), None)

    def test_requests_that_wait_share_an_append(self):
        self.log.go.clear()
        requests = Requests()
        answers = self.core.appender.append(requests, None)
        requests.send(1, b"a")
        threading.Thread(target=lambda: (self.log.began.acquire(), [requests.send(i, b"b") for i in range(2, 10)],
                                         requests.end(), self.log.go.set())).start()
        got = [a.seq for a in answers]
        self.assertEqual(got[-1], 9)
        self.assertEqual(sum(self.log.appends), 9)
        self.assertLess(len(self.log.appends), 9)

    def test_requests_before_one_that_is_refused_are_acknowledged(self):
        requests, got = Requests(), []
        requests.send(1, b"a")
        requests.send(2, b"b", first=7)
        with self.assertRaises(errors.InvalidArgument):
            for answer in self.core.appender.append(requests, None):
                got.append(answer.seq)
        self.assertEqual(got, [1])
        self.assertEqual(self.read(1, 2), [[b"a"]])

    def test_what_was_received_is_appended_though_nothing_reads_the_answers(self):
        self.log.go.clear()
        requests = Requests()
        answers = self.core.appender.append(requests, None)
        requests.send(1, b"a")
        requests.end()
        threading.Thread(target=lambda: (self.log.began.acquire(), answers.close, self.log.go.set())).start()
        next(answers)
        answers.close()
        self.assertEqual(self.append(), [])  # waits for it
        self.assertEqual(self.read(1, 2), [[b"a"]])

    def test_a_failed_write_is_the_end(self):
        self.log.error = OSError(errno.ENOSPC, "no room")
        with self.assertRaises(storage.NoSpace):
            self.append(b"a")
        for call in (lambda: self.append(b"a"), lambda: self.read(1, 1), lambda: self.save(1, b"x"),
                     lambda: self.core.compact(self.request("CompactRequest", index=0), None)):
            with self.assertRaises(errors.Closed):
                call()
        self.core.close(self.request("CloseRequest"), None)
        self.assertTrue(self.log.closed)

    def test_a_commit_index_alone_is_written_with_what_comes_next(self):
        self.append(b"a", b"b")
        requests = Requests()
        requests.send(1, must_sync=False, term=1, vote=1, commit=0)
        requests.send(2, must_sync=False, term=1, vote=1, commit=1)
        requests.end()
        list(self.core.appender.append(requests, None))
        written = sum(self.log.appends)
        requests = Requests()
        requests.send(1, must_sync=False, term=1, vote=1, commit=2)
        requests.end()
        list(self.core.appender.append(requests, None))
        self.assertEqual((sum(self.log.appends), self.core.state.hard), (written, (1, 1, 2)))
        self.core.close(self.request("CloseRequest"), None)
        self.assertEqual(sum(self.log.appends), written + 1)

    def test_entries_come_in_messages_of_the_wanted_size(self):
        self.append(b"x" * 50, b"y" * 50, b"z" * 500)
        self.assertEqual([len(m) for m in self.read(1, 4)], [1, 1, 1])
        self.assertEqual(self.read(1, 4, most=100), [[b"x" * 50], [b"y" * 50]])
        self.assertEqual(self.read(3, 4, most=0), [[b"z" * 500]])

    def test_a_lock_that_is_held_has_its_holder(self):
        with self.assertRaises(Locked) as refused:
            self.opened(Log())
        metadata = dict(refused.exception.metadata)
        self.assertEqual(metadata["path"], os.path.join(self.path, "LOCK"))
        self.assertIn("pid %d" % os.getpid(), metadata["holder"])
        self.core.close(self.request("CloseRequest"), None)

    def test_the_directory_is_free_after_close_while_a_snapshot_is_written(self):
        held = queue.Queue()
        header = dict(metadata=dict(index=3, term=1), received=True)
        held.put(self.request("SaveSnapshotRequest", header=header))
        result = queue.Queue()

        def save():
            try:
                self.core.snapshots.save(iter(held.get, None), None)
            except errors.Error as e:
                result.put(e)

        saving = threading.Thread(target=save)
        saving.start()
        self.save(1, b"first", received=True)  # the other one stands still beside it
        self.core.close(self.request("CloseRequest"), None)
        again = self.opened(Log())
        names = os.listdir(self.path)
        self.assertEqual([n for n in names if n.endswith((".part", ".recv"))], [])
        held.put(self.request("SaveSnapshotRequest", chunk=b"x"))
        saving.join()
        self.assertIsInstance(result.get(), errors.Closed)
        self.assertEqual(os.listdir(self.path), names)
        self.assertEqual(again.directory.store, self.core.directory and 0 or self.answer.store_id)

    def test_a_snapshot_that_was_cut_leaves_nothing(self):
        parts = [dict(header=dict(metadata=dict(index=3, term=1), received=True)), dict(chunk=b"x")]
        with self.assertRaises(errors.Cancelled):
            self.core.snapshots.save(iter([self.request("SaveSnapshotRequest", **p) for p in parts]), None)
        self.assertEqual([n for n in os.listdir(self.path) if "-" in n], [])

    def test_an_installation_that_a_crash_has_cut_is_finished(self):
        info = self.save(5, b"state", received=True).info
        self.core.state = self.core.state.installed(5, 1, (0, 0, 0))
        state, log = self.core.state, Log()
        self.core.close(self.request("CloseRequest"), None)
        log.open = lambda directory: state  # the log was made to begin there, and the name was not changed
        self.opened(log)
        self.assertEqual([i.sha256 for i in self.answer.snapshots], [info.sha256])

    def test_a_log_that_no_snapshot_reaches_is_damage(self):
        state, log = self.core.state.installed(5, 1, (0, 0, 0)), Log()
        self.core.close(self.request("CloseRequest"), None)
        log.open = lambda directory: state
        with self.assertRaises(storage.Corrupt):
            self.opened(log)
        self.opened(Log())  # and nothing is held

    def test_damage_of_a_snapshot_is_found_when_it_is_read(self):
        self.append(b"a")
        self.save(1, b"content")
        name = os.path.join(self.path, "%016x-%016x.snap" % (1, 1))
        with open(name, "r+b") as f:
            f.write(b"C")
        got = []
        with self.assertRaises(storage.Corrupt):
            for part in self.core.snapshots.open(self.request("OpenSnapshotRequest", index=1), None):
                got.append(part.WhichOneof("part"))
        self.assertEqual(got, ["header", "chunk"])

    def test_a_directory_may_be_all_of_a_file_system(self):
        self.core.close(self.request("CloseRequest"), None)
        with tempfile.TemporaryDirectory() as self.path:
            os.mkdir(os.path.join(self.path, "lost+found"))
            self.opened(Log()).end()

    def test_marks_differ(self):
        self.assertNotEqual(mark_of("tape"), mark_of("disk"))
        self.assertRegex(mark_of("tape"), rb"^PONT[a-z2-7]{3}\x01$")
