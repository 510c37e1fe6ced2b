"""Live pictures encoded: into a recording or HLS segments, or pushed to a server that may go away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rtvideo.errors import OutputError
from rtvideo.live.fanout import ConsumerClosed, LiveOutput, LiveVideo
from rtvideo.live.loss import LossLine
from rtvideo.live.recording import Recording
from rtvideo.live.sound import SoundPacket, SoundWriter
from rtvideo.media.compositor import Compositor
from rtvideo.media.output import EncodedOutput
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import Packet
from rtvideo.media.video_copy import VideoCopy
from rtvideo.processor import FramePair

#: Seconds that a picture may be late for a recording, and pairs that may wait for its encoder meanwhile.
HOLD, WAITING = 3.0, 8

#: Seconds between attempts to connect again: the first, and the longest.
_SHORTEST, _LONGEST = 0.5, 8.0


class EncodedLiveOutput(LiveOutput):
    """Pairs encoded, and written with the sound of the source."""

    waiting, hold = WAITING, HOLD

    def __init__(
        self,
        output: EncodedOutput,
        compositor: Compositor,
        source: InputTemplate,
        warn: Callable[[str], None],
    ) -> None:
        """Feed an open output.

        Args:
            source: what the output was opened for.
            warn: told where sound is of another kind than before.
        """
        self.name, self.latency = output.destination.name, output.latency
        self._compose, self._source, self._warn = compositor, source, warn
        self._write_to(output)

    def _write_to(self, output: EncodedOutput) -> None:
        self._output, self._sound = output, SoundWriter(output, self._source, self._warn)

    @property
    def connecting(self) -> bool:
        """Whether its server has not answered yet."""
        return self._output.destination.connecting

    def take(self, pair: FramePair) -> None:
        """Encode a pair and write what the encoder gives."""
        marked = self._output.encoder.wants_key_frame(pair.lit.time)
        self._output.write(self._compose(pair.original, pair.lit, writable=marked), pair.captured)

    def write(self, packet: Packet) -> None:
        """Write a packet of video, where the output was opened for copies."""
        assert isinstance(self._output.encoder, VideoCopy)
        self._output.mux([self._output.encoder.take(packet)])

    def copy(self, sound: SoundPacket) -> None:
        """Pass on a packet of sound, or convert it."""
        self._sound.write(sound)

    def finish(self) -> None:
        """Flush the encoder, end the output, and give a file its name."""
        self._output.finish()

    def abort(self) -> None:
        """Close the output as it is."""
        self._output.abort()

    def discard(self) -> None:
        """Let `abort` leave no file behind."""
        if isinstance(self._output.destination, Recording):
            self._output.destination.worthless = True


class PipedOutput(EncodedLiveOutput):
    """Encoded pairs for another program, which may close the pipe at any time."""

    waiting, hold = 1, 0.0

    def take(self, pair: FramePair) -> None:
        """Encode a pair and write what the encoder gives."""
        with _until_closed():
            super().take(pair)

    def copy(self, sound: SoundPacket) -> None:
        """Pass on a packet of sound, or convert it."""
        with _until_closed():
            super().copy(sound)

    def finish(self) -> None:
        """Write what is left and close."""
        with _until_closed():
            super().finish()


@contextlib.contextmanager
def _until_closed() -> Iterator[None]:
    try:
        yield
    except OutputError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise ConsumerClosed from None
        raise


class PushOutput(EncodedLiveOutput):
    """Encoded pairs for a server. A lost connection is opened again, with a new encoder."""

    waiting, hold = 1, 0.0

    def __init__(
        self,
        open: Callable[[], EncodedOutput],
        compositor: Compositor,
        video: LiveVideo,
        warn: Callable[[str], None],
    ) -> None:
        """Open the first connection.

        Args:
            open: opens one.
            video: what will come, and for how long a lost connection is tried again.
            warn: told when the connection is lost, when it is back, and as above.

        Raises:
            OutputError, UnavailableError: see `EncodedOutput`.
        """
        super().__init__(open(), compositor, video.source, warn)
        self._open, self._video = open, video
        self._answered = False
        self._lost_at: float | None = None
        self._error: OutputError | None = None
        self._wait, self._missed = _SHORTEST, 0

    @property
    def connecting(self) -> bool:
        """Whether its server has not answered yet, or is away."""
        return self._error is not None or self._output.destination.connecting

    @property
    def answered(self) -> bool:
        """Whether its server has ever answered."""
        return self._answered

    @property
    def ends_run(self) -> bool:
        """Whether its failure ends the run: only where the server was never there."""
        return not self._answered

    def take(self, pair: FramePair) -> None:
        """Encode and send a pair. While the server is away live pairs are dropped; others wait for it."""
        while self._error is not None and not self._reopen():
            if self._video.live:
                self._missed += 1
                return
            time.sleep(min(self._wait, 0.1))
        try:
            super().take(pair)
        except OutputError as error:
            self._lose(error)
            return
        if not self._output.destination.connecting:
            self._answered = True
            if self._lost_at is not None:
                away = time.monotonic() - self._lost_at
                self._warn(f"{self.name}: back after {away:.1f} s; {self._missed} frames were not sent")
                self._lost_at, self._wait = None, _SHORTEST

    def copy(self, sound: SoundPacket) -> None:
        """Send a packet of sound, if the server is there."""
        if self._error is None:
            try:
                super().copy(sound)
            except OutputError as error:
                self._lose(error)

    def finish(self) -> None:
        """End the stream."""
        if self._error is not None:
            raise self._error
        super().finish()

    def abort(self) -> None:
        """Close the connection, if there is one."""
        if self._error is None:
            super().abort()

    def _lose(self, error: OutputError) -> None:
        """Close a failed connection. Raise its error if it is not to be opened again."""
        now, patience = time.monotonic(), self._video.how.reconnect
        self._output.abort()
        self._error = error
        reason = str(error).removeprefix(f"{self.name}: ")
        if self._answered and patience and self._lost_at is None:
            self._warn(LossLine(f"{self.name}: lost ({reason}); trying again for {patience:g} s"))
            self._lost_at, self._missed = now, 1
        elif self._lost_at is None or now - self._lost_at >= patience:
            raise error
        self._retry_at = now + self._wait
        self._wait = min(2 * self._wait, _LONGEST)

    def _reopen(self) -> bool:
        """Try to connect again when it is time, and return whether there is a connection to try."""
        if time.monotonic() < self._retry_at:
            return False
        try:
            self._write_to(self._open())
        except OutputError as error:
            self._lose(error)
            return False
        self._output.latency, self._error = self.latency, None
        return True
