"""Frames: what goes in comes out, and what is too much does not."""

import os
import socket
import sys
import threading
import unittest

import msgpack

from fake_agent import BOOT

sys.path.insert(0, str(BOOT.parents[1]))
from paceline_worker import frames  # noqa: E402

frames.use_msgpack(msgpack)


def make_pair():
    ours, theirs = socket.socketpair()
    return frames.Channel(ours.detach()), theirs


class FramesTest(unittest.TestCase):
    def test_a_message_arrives_whole_though_it_comes_byte_by_byte(self):
        channel, other = make_pair()
        with other:
            data = frames.pack({"type": "suite", "name": "é", "x": b"\xff"})
            for i in range(len(data)):
                other.send(data[i : i + 1])
            message = channel.receive()
        self.assertEqual(
            message, {"type": "suite", "name": "é", "x": b"\xff"}
        )
        channel.close()

    def test_what_is_queued_goes_with_the_next_that_is_sent(self):
        channel, other = make_pair()
        with other:
            channel.queue({"type": "test_finished"})
            other.setblocking(False)
            with self.assertRaises(BlockingIOError):
                other.recv(1)
            channel.send({"type": "test_started"})
            data = other.recv(1 << 16)
        self.assertEqual(
            data,
            frames.pack({"type": "test_finished"})
            + frames.pack({"type": "test_started"}),
        )
        channel.close()

    def test_text_that_is_no_unicode_is_sent_all_the_same(self):
        body = frames.pack({"type": "x", "message": "\ud800\udcff"})[4:]
        self.assertEqual(
            frames.unpack(body)["message"], "\\ud800\\udcff"
        )

    def test_a_frame_over_the_bound_is_refused_in_both_directions(self):
        with self.assertRaises(frames.BadFrame):
            frames.pack({"type": "x", "output": b"x" * frames.MAX_FRAME})
        channel, other = make_pair()
        with other:
            other.send((frames.MAX_FRAME + 1).to_bytes(4, "big"))
            with self.assertRaises(frames.BadFrame):
                channel.receive()
        channel.close()

    def test_what_is_no_message_is_refused(self):
        for body in (b"\xc1", msgpack.packb([1]), msgpack.packb({"a": 1})):
            with self.subTest(body):
                with self.assertRaises(frames.BadFrame):
                    frames.unpack(body)

    def test_the_end_and_a_reader_that_is_gone_are_said(self):
        channel, other = make_pair()
        other.close()
        with self.assertRaises(frames.ChannelClosed):
            channel.receive()
        with self.assertRaises(frames.ChannelClosed):
            channel.send({"type": "x"})
        channel.close()

    def test_a_forked_copy_is_not_heard(self):
        channel, other = make_pair()
        pid = os.fork()
        if pid == 0:
            channel.send({"type": "from the copy"})
            os._exit(0)
        os.waitpid(pid, 0)
        channel.send({"type": "ours"})
        with other:
            self.assertEqual(
                other.recv(1 << 16), frames.pack({"type": "ours"})
            )
        channel.close()

    def test_the_socket_is_not_inherited_and_out_of_the_way(self):
        channel, other = make_pair()
        other.close()
        self.assertGreaterEqual(channel.fileno(), 40)
        self.assertFalse(os.get_inheritable(channel.fileno()))
        channel.close()

    def test_a_large_message_waits_for_its_reader(self):
        channel, other = make_pair()
        message = {"type": "x", "output": b"x" * (4 << 20)}
        writer = threading.Thread(target=channel.send, args=(message,))
        writer.start()
        reader = frames.Channel(other.detach())
        self.assertEqual(reader.receive(), message)
        writer.join()
        channel.close()
        reader.close()


if __name__ == "__main__":
    unittest.main()
