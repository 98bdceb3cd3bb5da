"""Health: right, by each way to read it, and cheap."""

import os
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

from fake_agent import BOOT

sys.path.insert(0, str(BOOT.parents[1]))
from paceline_worker import health  # noqa: E402

MIB = 1 << 20


def ways_to_count():
    """The counts of open descriptors, all taken at the same time."""
    size = health._field(
        health.HealthReader()._read_status(), b"\nFDSize:"
    )
    return {
        "stat": health.count_by_stat(),
        "poll": health.count_by_poll(size),
        "listing": health.count_by_listing(),
    }


class HealthTest(unittest.TestCase):
    def test_the_ways_to_count_descriptors_agree(self):
        opened = []
        self.addCleanup(lambda: [os.close(fd) for fd in opened])
        for number in (0, 100, 800):
            opened += [os.open("/dev/null", 0) for _ in range(number)]
            # A peer that has hung up is open all the same.
            read_end, write_end = os.pipe()
            os.close(write_end)
            opened.append(read_end)
            counts = ways_to_count()
            if counts["stat"] is None:
                del counts["stat"]  # a kernel that does not tell
            with self.subTest(number):
                self.assertEqual(len(set(counts.values())), 1, counts)

    def test_its_own_descriptor_is_not_counted(self):
        before = health.count_by_listing()
        reader = health.HealthReader()
        self.addCleanup(reader.close)
        self.assertEqual(reader.read()["open_fds"], before)

    def test_memory_is_what_is_held_now_and_the_peak_that_of_the_test(self):
        reader = health.HealthReader()
        self.addCleanup(reader.close)
        before = reader.read()
        block = bytearray(b"x") * (64 * MIB)
        del block
        after = reader.read()
        again = reader.read()
        self.assertLess(after["rss_bytes"], before["rss_bytes"] + 16 * MIB)
        if "peak_rss_bytes" in after:
            self.assertGreater(
                after["peak_rss_bytes"], before["rss_bytes"] + 60 * MIB
            )
            self.assertLess(
                again["peak_rss_bytes"], before["rss_bytes"] + 16 * MIB
            )

    def test_a_big_parent_is_not_counted(self):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from paceline_worker import health\n"
            "print(max(health.HealthReader().read()[k] for k in"
            " ('rss_bytes', 'peak_rss_bytes')))"
        )
        block = bytearray(b"x") * (256 * MIB)
        out = subprocess.run(
            [sys.executable, "-c", code, str(BOOT.parents[1])],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        del block
        self.assertLess(int(out), 100 * MIB)

    def test_threads_are_counted(self):
        reader = health.HealthReader()
        self.addCleanup(reader.close)
        before = reader.read()["threads"]
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        self.assertEqual(reader.read()["threads"], before + 1)
        event.set()
        thread.join()

    def test_what_cannot_be_read_is_absent(self):
        with mock.patch.object(health, "_SELF", "/nonexistent"):
            reader = health.HealthReader()
            self.assertEqual(reader.read(), {})

    def test_a_descriptor_that_a_test_took_is_opened_again(self):
        reader = health.HealthReader()
        self.addCleanup(reader.close)
        os.close(reader._status)
        self.assertIn("rss_bytes", reader.read())
        other = os.open("/dev/null", os.O_RDONLY)
        os.dup2(other, reader._status)
        os.close(other)
        self.assertIn("rss_bytes", reader.read())

    def test_it_costs_microseconds(self):
        # The bounds are 20 and 40 µs on an idle machine; here it is only made
        # sure that no reading walks directories or spawns anything.
        for number, bound in ((0, 100e-6), (900, 200e-6)):
            opened = [os.open("/dev/null", 0) for _ in range(number)]
            reader = health.HealthReader()
            best = min(self._time(reader) for _ in range(20))
            reader.close()
            for descriptor in opened:
                os.close(descriptor)
            with self.subTest(number):
                self.assertLess(best, bound)

    @staticmethod
    def _time(reader):
        begin = time.perf_counter()
        for _ in range(50):
            reader.read()
        return (time.perf_counter() - begin) / 50


if __name__ == "__main__":
    unittest.main()
