"""Tests of the application. make check runs the conformance kit on the plugin."""

import types
import unittest

import pontoon

from machine import MOST, Counter


def applied(counter, *commands):
    batch = types.SimpleNamespace(entries=[types.SimpleNamespace(data=c) for c in commands])
    return counter.apply(batch)


class Commands(unittest.TestCase):
    def test_a_number_is_added(self):
        counter = Counter()
        self.assertEqual(applied(counter, b"5", b"-2", b"007"), [b"5", b"3", b"10"])
        self.assertEqual(counter.query(b"value"), b"10")

    def test_what_is_refused_changes_nothing(self):
        counter = Counter()
        applied(counter, b"%d" % MOST)
        for command in (b"1", b"", b"one", b"1.5", b"1_0", b" 1", b"1\n", b"9" * 20, b"\xd9\xa1"):
            result = applied(counter, command)[0]
            self.assertIsInstance(result, pontoon.Refused)
        self.assertEqual(counter.query(b"value"), b"%d" % MOST)

    def test_a_query_that_makes_no_sense_is_refused(self):
        with self.assertRaises(pontoon.InvalidQuery):
            Counter().query(b"what?")


class Snapshots(unittest.TestCase):
    def setUp(self):
        counter = Counter()
        applied(counter, b"-42")
        self.raw = b"".join(counter.save())

    def test_one_makes_the_same_counter(self):
        counter = Counter()
        counter.restore(2, iter([self.raw[:7], self.raw[7:]]))
        self.assertEqual(counter.query(b"value"), b"-42")

    def test_one_that_was_changed_or_cut_is_refused(self):
        for at in range(len(self.raw)):
            changed = bytearray(self.raw)
            changed[at] ^= 1
            for bad in (bytes(changed), self.raw[:at], self.raw + self.raw[:at] + b"x"):
                with self.assertRaises(ValueError):
                    Counter().restore(2, iter([bad]))
