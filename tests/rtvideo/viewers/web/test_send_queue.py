from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.viewers.web.send_queue import Chunk, SendQueue, Stream

STREAM = Stream("{}")


def chunk(number: int, key: bool) -> Chunk:
    return Chunk(STREAM, str(number).encode(), key)


@given(st.lists(st.sampled_from(["key", "delta", "take"]), max_size=80), st.integers(1, 5))
def test_what_is_taken_can_be_decoded_and_never_waits_in_a_long_queue(actions: list[str], limit: int) -> None:
    async def play() -> tuple[list[int], int, int]:
        queue, taken, put, keys = SendQueue(limit), [], 0, set()
        waiting = 0
        for action in actions:
            if action != "take":
                if action == "key":
                    keys.add(put)
                queue.put(chunk(put, action == "key"))
                put += 1
                continue
            try:
                async with asyncio.timeout(0):
                    taken.append(int((await queue.get()).data))
            except TimeoutError:
                continue
        while True:
            try:
                async with asyncio.timeout(0):
                    taken.append(int((await queue.get()).data))
                    waiting += 1
            except TimeoutError:
                break
        assert all(b == a + 1 or b in keys for a, b in itertools.pairwise(taken))
        assert not taken or taken[0] in keys
        assert queue.dropped + len(taken) == put
        return taken, waiting, put

    taken, waiting, _ = asyncio.run(play())
    assert waiting <= limit and taken == sorted(set(taken))


def test_it_says_that_it_needs_a_picture_to_begin_with() -> None:
    queue = SendQueue(limit=2)
    assert queue.needs_keyframe
    queue.put(chunk(0, True))
    assert not queue.needs_keyframe
    for number in (1, 2):
        queue.put(chunk(number, False))
    assert queue.needs_keyframe and queue.dropped == 3


@pytest.mark.timeout(20)
def test_it_waits_for_a_picture() -> None:
    async def play() -> bytes:
        queue = SendQueue()
        task = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        queue.put(chunk(7, True))
        return (await task).data

    assert asyncio.run(play()) == b"7"
