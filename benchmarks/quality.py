"""Score every shipped model, any peer and the baselines on pairs of images.

    python benchmarks/quality.py --low DIR --high DIR [--peer NAME=FILE.onnx] [--json FILE]
    python benchmarks/quality.py --pairs DIR --split test

Pairs are matched by file name, or read from DIR/pairs.csv. The protocol is that of `model.metrics`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import baselines
from benchmarks.baselines import Method
from model.data import Image, Item, Reader, matched, paired
from model.metrics import blown, mean_matched_psnr, psnr, quantise, ssim
from rtvideo import models
from rtvideo.engines.onnx import runtime
from rtvideo.errors import RtvideoError, UnavailableError, UsageError
from rtvideo.models.shapes import multiply_adds, shapes

_LOL_PIXELS = 600 * 400  # the size at which the paper's table 2 counts


@dataclass(frozen=True)
class Row:
    """Mean scores of one method over all pairs; parameters and multiply-adds (G, at 600x400) where known."""

    method: str
    psnr: float
    ssim: float
    matched_psnr: float
    blown: float
    parameters: int | None
    giga_multiply_adds: float | None


@dataclass(frozen=True)
class Contender:
    """A method with its name and its cost."""

    name: str
    method: Method
    parameters: int | None = None
    giga_multiply_adds: float | None = None


def contenders(peers: Sequence[str]) -> Iterator[Contender]:
    """Yield the baselines, the shipped models without and with noise removal, and the peers."""
    yield Contender("input", lambda image: image, 0, 0.0)
    yield Contender(f"fixed gain {baselines.GAIN:g}", baselines.fixed_gain(baselines.GAIN), 1)
    yield Contender(
        f"gamma to mean {baselines.GAMMA_MEAN:g}", baselines.adaptive_gamma(baselines.GAMMA_MEAN), 1
    )
    yield Contender("CLAHE", baselines.clahe)
    for name in models.names():
        model = models.find(name)
        if model.description is None:
            continue
        sizes = shapes(model.description)
        for denoise in (False, True) if model.has_denoise else (False,):
            kept = [n for n in sizes if denoise or n.startswith("illumination.")]
            illumination, noise = multiply_adds(model.description)
            yield Contender(
                f"{name}, IEM+NRM" if denoise else f"{name}, IEM",
                network(model.network(denoise=denoise)),
                int(sum(np.prod(sizes[n], dtype=int) for n in kept)),
                (illumination + denoise * noise) * _LOL_PIXELS / 1e9,
            )
    for peer in peers:
        name, _, file = peer.partition("=")
        if not name or not file:
            raise UsageError(f"--peer {peer!r}: must be NAME=FILE.onnx")
        yield Contender(name, network(Path(file)))


def network(path: Path) -> Method:
    """Return an ONNX file (RGB 0..1, NCHW, in and out) as a method.

    Raises:
        UnavailableError: the file is missing or not such a network.
    """
    options = runtime().SessionOptions()
    options.log_severity_level = 3  # it warns of every input that has a default
    try:
        session = runtime().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        raise UnavailableError(f"{path}: cannot be opened: {str(error).splitlines()[0]}") from None
    name = session.get_inputs()[0].name

    def method(image: Image) -> Image:
        nchw = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return quantise(session.run(None, {name: nchw})[0][0].transpose(1, 2, 0))

    return method


def score(contender: Contender, items: Sequence[Item]) -> Row:
    """Return the mean scores of a contender."""
    table = []
    for item in items:
        assert item.high is not None
        image = contender.method(item.low)
        table.append(
            (
                psnr(image, item.high),
                ssim(image, item.high),
                mean_matched_psnr(image, item.high),
                blown(image),
            )
        )
    a, b, c, d = (float(mean) for mean in np.mean(table, axis=0))
    return Row(contender.name, a, b, c, d, contender.parameters, contender.giga_multiply_adds)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| method | PSNR | SSIM | mean-matched PSNR | blown | parameters | GMAC at 600x400 |",
        "| --- " * 7 + "|",
    ]
    for r in rows:
        parameters = "" if r.parameters is None else f"{r.parameters:,}"
        cost = "" if r.giga_multiply_adds is None else f"{r.giga_multiply_adds:.4f}"
        lines.append(
            f"| {r.method} | {r.psnr:.2f} | {r.ssim:.3f} | {r.matched_psnr:.2f} | {r.blown:.2%} "
            f"| {parameters} | {cost} |"
        )
    return "\n".join(lines)


def read(arguments: argparse.Namespace) -> list[Item]:
    """Return the pairs that the arguments name."""
    reader = Reader()
    if arguments.pairs is not None:
        return paired([arguments.pairs], reader, part=arguments.split)
    if arguments.low is None or arguments.high is None:
        raise UsageError("give --low DIR and --high DIR, or --pairs DIR")
    return matched(arguments.low, arguments.high, reader)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return an exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/quality.py", description=__doc__.splitlines()[0])
    parser.add_argument("--low", type=Path, metavar="DIR", help="dark images")
    parser.add_argument("--high", type=Path, metavar="DIR", help="their references, of the same names")
    parser.add_argument(
        "--pairs", type=Path, metavar="DIR", help="low/ and high/, or pairs.csv with low/ and ref/"
    )
    parser.add_argument("--split", default="test", help="part of pairs.csv that counts (test)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE.onnx")
    parser.add_argument("--fit", type=Path, metavar="DIR", help="fit the baselines on these pairs and stop")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    try:
        if arguments.fit is not None:
            gain, mean = baselines.fit(paired([arguments.fit], Reader()))
            print(f"GAIN = {gain:g}\nGAMMA_MEAN = {mean:g}")
            return 0
        items = read(arguments)
        rows = [score(contender, items) for contender in contenders(arguments.peer)]
    except RtvideoError as error:
        print(f"quality.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"{len(items)} pairs\n\n{table(rows)}")
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps({"pairs": len(items), "rows": [asdict(r) for r in rows]}, indent=2) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
