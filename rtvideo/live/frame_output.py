"""The output of a live run that is a program: it takes frames one at a time, when it wants them."""

from __future__ import annotations

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.live.fanout import ConsumerClosed, LiveOutput, LivePair, LiveVideo

#: Pairs that wait for the program where none is dropped.
_DEPTH = 3


class FrameOutput(LiveOutput):
    """Hands pairs to another thread.

    Attributes:
        pairs: that nobody has taken yet. Of a live source the newest alone; of a file the next ones.
    """

    name = "the program"
    unhurried = True

    def __init__(self, video: LiveVideo) -> None:
        """Take the pairs of a run."""
        self.latency = {}
        self.pairs: Channel[LivePair] = Channel(1 if video.live else _DEPTH, drops=video.live)

    def take(self, pair: LivePair) -> None:
        """Wait for room, or replace the pair that nobody took."""
        try:
            self.pairs.put(pair)
        except ChannelAborted:
            raise ConsumerClosed from None

    def finish(self) -> None:
        """Say that no more pairs come."""
        self.pairs.close()

    abort = finish

    def leave(self) -> None:
        """Take no more pairs, from any thread: the run ends."""
        self.pairs.abort()
