"""The outputs of a live run: checked before anything is opened, then opened one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from io import FileIO
from pathlib import Path

from rtvideo.errors import RtvideoError, UsageError
from rtvideo.files.job import check_output, picture_of
from rtvideo.live.encoded_output import destination_of, open_encoded_output
from rtvideo.live.fanout import LiveOutput
from rtvideo.live.input import TICK, LiveInput
from rtvideo.live.raw_output import ViewerOutput, virtual_camera, y4m_output
from rtvideo.media.camera import path_of
from rtvideo.media.network.address import Kind, kind_of, redact
from rtvideo.media.pairs import PairEnhancer
from rtvideo.options import Options
from rtvideo.viewers.base import ViewerControls, ViewerFactory


def check_outputs(input: str, outputs: Sequence[str], options: Options) -> None:
    """Refuse what cannot or must not be written, before the source is opened.

    Raises:
        UsageError: an existing file, the input itself, stdout on a terminal, the same output twice.
        OutputError: a folder that does not take it.
    """
    for index, text in enumerate(outputs):
        if text in outputs[:index]:
            raise UsageError(f"--out {redact(text)}: given twice")
        kind = kind_of(text)
        if kind is Kind.PIPE and text == "-" and sys.stdout.isatty():
            raise UsageError("--out -: stdout is a terminal; pipe it into another program")
        if kind is Kind.CAMERA and kind_of(input) is Kind.CAMERA and path_of(text) == path_of(input):
            raise UsageError(f"--out {text}: is the input; a virtual camera has a number of its own")
        if kind is Kind.STREAM:
            destination_of(text, live=True)
        if kind is Kind.FILE:
            check_output(Path(input), Path(text), options)


def shown_names(outputs: Sequence[str]) -> str:
    """Return the names of outputs without secrets."""
    return ", ".join("stdout" if text == "-" else redact(text) for text in outputs)


class Opening:
    """Opens outputs for one source."""

    def __init__(
        self, source: LiveInput, enhancer: PairEnhancer, options: Options, warn: Callable[[str], None]
    ) -> None:
        """Note what all outputs are opened for.

        Args:
            enhancer: whose pairs will come.
            warn: told what an output cannot hold.
        """
        self._source, self._enhancer, self._options, self._warn = source, enhancer, options, warn
        picture = picture_of(source.connection, options)
        live = source.nature.live
        self._picture = replace(
            picture,
            # What a camera sends is no measure for what is recorded.
            codec="h264" if live else picture.codec,
            codec_tag="" if live else picture.codec_tag,
            pix_fmt=enhancer.pix_fmt,
            tags=enhancer.tags,
            coding=enhancer.geometry.coding,
            time_base=TICK if live else picture.time_base,
        )

    def all(
        self, outputs: Sequence[str], viewers: Sequence[ViewerFactory], controls: ViewerControls
    ) -> list[LiveOutput]:
        """Open everything. A viewer that cannot be opened is left out if there is anything else.

        Raises:
            RtvideoError: the first failure; what was open by then is closed.
        """
        opened: list[LiveOutput] = []
        try:
            opened += map(self._output, outputs)
            for number, factory in enumerate(viewers, start=1):
                try:
                    viewer = factory(controls, self._source.name)
                except RtvideoError as error:
                    if not opened and number == len(viewers):
                        raise
                    self._warn(str(error))
                else:
                    opened.append(ViewerOutput(viewer, f"viewer {number}"))
        except BaseException:
            for output in opened:
                output.abort()
            raise
        return opened

    def _output(self, text: str) -> LiveOutput:
        rate: Fraction = self._picture.rate
        compare, live = self._options.compare, self._source.nature.live
        kind = kind_of(text)
        if kind is Kind.CAMERA:
            return virtual_camera(path_of(text), self._enhancer, rate, compare)
        if kind is Kind.PIPE:
            pipe = FileIO(sys.stdout.fileno(), "w", closefd=False) if text == "-" else FileIO(text, "w")
            return y4m_output(pipe, self._enhancer, rate, compare, live=live)
        return open_encoded_output(
            text,
            self._source.connection,
            self._picture,
            self._enhancer,
            self._options,
            live=live,
            warn=self._warn,
        )
