"""Rules that the conformance kit does not reach, on the calls themselves."""

import base64
import json
import logging
import os
import threading
import unittest
import zlib

import grpc

from pontoon import InvalidConfig, InvalidQuery, Refused, apply, core, errors, launch, log, snapshots, wire

CALL = {"group": 1, "incarnation": 7}


class Machine:
    """Answers each query when it is let go."""

    def __init__(self):
        self.go, self.got, self.asked = threading.Event(), b"", threading.Semaphore(0)

    def apply(self, batch):
        return [e.data if e.data != b"break" else None.fail for e in batch.entries]

    def query(self, data):
        self.asked.release()
        self.go.wait(30)
        return data

    def query_stream(self, data):
        return [b"", b"x" * 10, b"y"]

    def save(self):
        return iter([b"abc", b"def"])

    def restore(self, index, chunks):
        self.got = b"".join(chunks)


def opened(machine, config=b"", **limits):
    c = core.Core(machine, wire.DescribeResponse(name="m"))
    request = wire.message("StateMachineOpenRequest")(options=dict(CALL, config=config, limits=limits))
    c.open(request, None)
    return c


def request(name, **fields):
    return wire.message(name)(call=CALL, **fields)


class Errors(unittest.TestCase):
    def test_the_trailer_is_that_of_the_protocol_page(self):
        want = "CAUSBG5vbmUaTAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkVycm9ySW5mbxIgCgtOT19TTkFQU0hPVBIRcG9udG9vbi5wbHVnaW4udjE"
        got = errors._details(grpc.StatusCode.NOT_FOUND, "none", "NO_SNAPSHOT")
        self.assertEqual(base64.b64encode(got).decode().rstrip("="), want)

    def test_a_long_text_is_cut_between_characters(self):
        context = Context()
        errors._abort(context, "query", errors.InvalidQuery("é" * 5000 + "x"))
        self.assertLessEqual(len(context.text.encode()), errors.MAX_TEXT)
        self.assertEqual(set(context.text), {"é"})


class Context:
    def set_trailing_metadata(self, trailers):
        self.trailers = trailers

    def abort(self, code, text):
        self.code, self.text = code, text


class Config(unittest.TestCase):
    def test_a_machine_without_schema_takes_comments_alone(self):
        for config in (b"", b"{}", b"null\n", b"# one\n  # two\n"):
            opened(Machine(), config)
        for config in (b"a: 1", b"# one\na: 1", b"[]", b"\x00"):
            with self.assertRaises(InvalidConfig):
                opened(Machine(), config)


class Machines(unittest.TestCase):
    def test_one_that_cannot_be_right_is_refused(self):
        class Late(Machine):
            def save(self):
                yield b""

        class Without(Machine):
            restore = None

        launch.check(Machine(), "")
        for machine, state_hash in ((Late(), ""), (Without(), ""), (Machine(), "sum")):
            with self.assertRaises(TypeError):
                launch.check(machine, state_hash)


class Applying(unittest.TestCase):
    def answers(self, c, *datas):
        entries = [{"index": i, "data": d} for i, d in enumerate(datas, 1)]
        return list(c.applier.apply(iter([request("ApplyRequest", seq=1, entries=entries, through=len(datas))]), None))

    def test_an_error_ends_all_service(self):
        c = opened(Machine())
        with self.assertRaises(AttributeError):
            self.answers(c, b"ok", b"break")
        with self.assertRaises(errors.Closed):
            c.querier.query(request("QueryRequest"), None)

    def test_a_wrong_number_of_results_is_an_error(self):
        machine = Machine()
        machine.apply = lambda batch: []
        with self.assertRaisesRegex(ValueError, "0 results for 1"):
            self.answers(opened(machine), b"x")

    def test_parts_have_a_mebibyte_and_end_with_the_last(self):
        results = [b"x" * 400_000, Refused("no"), None, b"y" * (1 << 20), b"z" * (1 << 20 | 1), b"w"]
        got = list(apply.parts(wire.ApplyResponse(seq=3, applied_index=9), 1, results, False))
        self.assertEqual([p.more for p in got], [True] * (len(got) - 1) + [False])
        self.assertEqual([p.applied_index for p in got], [0] * (len(got) - 1) + [9])
        flat = [r for p in got for r in p.results]
        self.assertEqual([(len(r.data), r.skipped, r.left_out) for r in flat],
                         [(0, True, False), (400_000, False, False), (0, False, False), (0, False, False),
                          (1 << 20, False, False), (0, False, True), (1, False, False)])
        self.assertEqual(flat[2].error, "no")

    def test_a_refusal_without_a_text_is_a_refusal(self):
        for refused in Refused(""), Refused(), Refused("no"):
            self.assertTrue(apply.fitting(refused, 0)[1])

    def test_a_result_is_bytes(self):
        with self.assertRaises(TypeError):
            apply.fitting("text", 0)


class Queries(unittest.TestCase):
    def test_those_over_a_hundred_are_refused_at_once(self):
        machine = Machine()
        c = opened(machine)
        asking = [threading.Thread(target=c.querier.query, args=(request("QueryRequest"), None)) for _ in range(100)]
        for t in asking:
            t.start()
        machine.asked.acquire()
        with c.life.changed:  # one of them has the machine
            self.assertTrue(c.life.changed.wait_for(lambda: c.life.sharing == 100, 30))
        with self.assertRaises(errors.Limit):
            c.querier.query(request("QueryRequest"), None)
        machine.go.set()
        for t in asking:
            t.join()
        self.assertEqual(c.querier.query(request("QueryRequest", data=b"q"), None).data, b"q")

    def test_streams_over_64_are_refused_and_chunks_are_cut(self):
        c = opened(Machine(), send_chunk_bytes=4)
        running = [c.querier.query_stream(request("QueryStreamRequest"), None) for _ in range(64)]
        for r in running:
            next(r)
        with self.assertRaises(errors.TooManyStreams):
            next(c.querier.query_stream(request("QueryStreamRequest"), None))
        self.assertEqual([m.chunk for m in running[0]], [b"xxxx", b"xxxx", b"xx", b"y", b""])
        next(c.querier.query_stream(request("QueryStreamRequest"), None))


class Snapshots(unittest.TestCase):
    def test_a_seventeenth_view_is_refused_before_the_batch(self):
        c = opened(Machine())
        requests = [request("ApplyRequest", seq=i, through=i, prepare_snapshot=True) for i in range(1, 18)]
        answers = c.applier.apply(iter(requests), None)
        self.assertEqual([next(answers).snapshot for _ in range(16)], list(range(1, 17)))
        with self.assertRaises(errors.Limit):
            next(answers)
        self.assertEqual(c.applied, 16)

    def test_the_end_is_that_of_what_the_machine_gave(self):
        *chunks, last = snapshots.cut([b"abc", b"", b"defgh"], 2)
        self.assertEqual([m.chunk for m in chunks], [b"ab", b"cd", b"ef", b"gh"])
        self.assertEqual((last.end.length, last.end.crc32), (8, zlib.crc32(b"abcdefgh")))

    def restore(self, c, *messages):
        requests = [request("RestoreRequest", header={"index": 5})] + [request("RestoreRequest", **m) for m in messages]
        return c.restorer.restore(iter(requests), None)

    def test_a_restore_waits_for_calls_and_calls_for_it(self):
        c = opened(Machine())
        reading = c.querier.query_stream(request("QueryStreamRequest"), None)
        next(reading)
        end = {"end": {"length": 2, "crc32": zlib.crc32(b"ab")}}
        restoring = threading.Thread(target=self.restore, args=(c, {"chunk": b"ab"}, end))
        restoring.start()
        with c.life.changed:
            c.life.changed.wait_for(lambda: c.life.taken, 30)
        self.assertEqual(c.applied, 0)
        reading.close()
        restoring.join(30)
        self.assertEqual((c.applied, c.machine.got), (5, b"ab"))

    def test_a_close_ends_a_restore(self):
        c = opened(Machine())

        def requests():
            yield request("RestoreRequest", header={"index": 5})
            yield request("RestoreRequest", chunk=b"ab")
            c.close(request("CloseRequest"), None)
            yield request("RestoreRequest", chunk=b"cd")

        with self.assertRaises(errors.Closed):
            c.restorer.restore(requests(), None)

    def test_what_a_machine_leaves_is_no_snapshot(self):
        machine = Machine()
        machine.restore = lambda index, chunks: next(chunks)
        with self.assertRaises(errors.BadSnapshot):
            self.restore(opened(machine), {"chunk": b"ab"}, {"chunk": b"cd"}, {"end": {"length": 4, "crc32": zlib.crc32(b"abcd")}})

    def test_an_error_of_the_stream_is_not_hidden_by_the_machine(self):
        machine = Machine()

        def restore(index, chunks):
            try:
                list(chunks)
            except errors.Error:
                pass

        machine.restore = restore
        with self.assertRaises(errors.InvalidArgument):
            self.restore(opened(machine), {"chunk": b"ab"})


class Page(unittest.TestCase):
    def test_the_example_works(self):
        page = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "plugins", "python.md")
        with open(page, encoding="utf-8") as f:
            code = f.read().split("```python\n")[1].split("```")[0]
        names = {"served": lambda *_, **__: None}
        exec(code.replace("pontoon.serve(", "served("), names)
        c, restored = opened(names["Sum"]()), opened(names["Sum"]())
        answers = Applying().answers(c, b"40", b"x", b"2")
        self.assertEqual([(r.data, bool(r.error)) for r in answers[0].results], [(b"40", False), (b"", True), (b"42", False)])
        state = b"".join(c.machine.save())
        end = {"length": len(state), "crc32": zlib.crc32(state)}
        Snapshots().restore(restored, {"chunk": state}, {"end": end})
        for each in (c, restored):
            self.assertEqual(each.querier.query(request("QueryRequest", data=b"total"), None).data, b"42")
        with self.assertRaises(InvalidQuery):
            c.querier.query(request("QueryRequest", data=b"x"), None)


class Logging(unittest.TestCase):
    def test_a_traceback_is_one_record(self):
        with self.assertLogs() as caught:
            try:
                raise ValueError("two\nlines")
            except ValueError:
                logging.exception("failed")
        written = Written()
        handler = log.Lines(written)
        handler.emit(caught.records[0])
        (line,) = written.text.splitlines()
        record = json.loads(line)
        self.assertEqual(record["level"], "ERROR")
        self.assertIn("Traceback", record["msg"])


class Written:
    text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


if __name__ == "__main__":
    unittest.main()
