"""``python -m export --to onnx CHECKPOINT``: write the files that `rtvideo` ships, checked against torch.

``--to tensorrt`` and ``--to torch-tensorrt`` build the plans of engine tensorrt ahead (`export.plans`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from model.command import Parser, run
from rtvideo import values
from rtvideo.errors import OutputError, UnavailableError, UsageError
from rtvideo.models.description import Description

if TYPE_CHECKING:
    from export.bf16 import Accuracy


def main(words: Sequence[str] | None = None) -> int:
    """Run the export and return its exit code: 0, or that of the error, which is one line on stderr."""
    parser = Parser("python -m export", __doc__)
    add = parser.add_argument
    add(
        "checkpoint",
        type=Path,
        help="NAME.safetensors beside NAME.json, or a released checkpoint; for plans a model of rtvideo",
    )
    formats = ["onnx", "tensorrt", "torch-tensorrt"]
    add("--to", choices=formats, required=True, help="the format to write")
    add("--out", type=Path, help="folder (default: the checkpoint's; of plans, where rtvideo looks)")
    about = "of the frames that plans are for; may be repeated (default: one plan for many sizes)"
    add("--size", type=values.size, action="append", default=[], metavar="WxH", help=about)
    add("--name", help="name of the model (default: the checkpoint's)")
    add("--genotype", type=Path, help="genotype file of a released checkpoint, if not the authors' own")
    return run(_export, parser, words, extra="export")


def _export(arguments: argparse.Namespace) -> None:
    checkpoint: Path = arguments.checkpoint
    if arguments.to != "onnx":
        from export.plans import export_plans

        torch = arguments.to == "torch-tensorrt"
        export_plans(str(checkpoint), arguments.size, arguments.out, torch=torch)
        return
    if arguments.size:
        raise UsageError("--size is for plans; ONNX files take frames of any size")
    name = arguments.name or checkpoint.name.removesuffix(checkpoint.suffix)
    export_onnx(checkpoint, arguments.out or checkpoint.parent, name, arguments.genotype)


def export_onnx(checkpoint: Path, out: Path, name: str, genotype: Path | None = None) -> None:
    """Write description, card, weights and every ONNX variant of a checkpoint to ``out``.

    Raises:
        ParityError: an exported network differs from torch; nothing is written then.
        UsageError, UnavailableError, OutputError: a bad name, checkpoint or folder.
    """
    if "." in name or "/" in name or not name:
        raise UsageError(f"model name {name!r} must be a file name without dots; give another with --name")
    from export import bf16, parity
    from export.onnx.network import build
    from model.checkpoint import save

    net = _load(checkpoint, genotype)
    net.description = description = dataclasses.replace(net.description, name=name)
    weights = {key: tensor.float().numpy() for key, tensor in net.state_dict().items()}
    card = _card(checkpoint)
    networks = {
        f"{'iem+nrm' if denoise else 'iem'}{'.fp16' if half else ''}": build(
            description, weights, denoise=denoise, half=half, card=json.dumps(card)
        )
        for denoise in ((False, True) if description.noise else (False,))
        for half in (False, True)
    }
    differences = parity.check(net, networks)
    accuracy = bf16.measure(net, weights)
    card["bf16"] = accuracy is not None and accuracy.good
    card["export"] = _record(description, differences, accuracy)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".export-", dir=out) as folder:
            whole = Path(folder)
            save(net, whole / f"{name}.safetensors")
            (whole / f"{name}.card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
            for variant, model in networks.items():
                (whole / f"{name}.{variant}.onnx").write_bytes(model.SerializeToString(deterministic=True))
            for file in sorted(whole.iterdir()):
                size = file.stat().st_size
                shutil.move(file, out / file.name)
                difference = differences.get(file.name.removeprefix(f"{name}.").removesuffix(".onnx"))
                note = f"  differs from torch by {difference.worst:.1e} at most" if difference else ""
                if file.name.endswith(".card.json"):
                    note = _said(accuracy)
                print(f"{out / file.name}  {size} bytes{note}")
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror}") from None


def _load(checkpoint: Path, genotype: Path | None) -> Any:
    from model.checkpoint import files, load
    from model.genotypes import read
    from model.released import load_released

    if not checkpoint.is_file():
        raise UnavailableError(f"{checkpoint}: no such checkpoint")
    if files(checkpoint)[1].is_file():
        if genotype is not None:
            raise UsageError(
                f"{checkpoint} has a description, which names its genotypes; leave --genotype out"
            )
        return load(checkpoint)
    return load_released(checkpoint, **(read(genotype) if genotype else {}))


def _card(checkpoint: Path) -> dict[str, Any]:
    """The card that training wrote beside the checkpoint, or an empty one."""
    path = checkpoint.with_name(checkpoint.name.removesuffix(checkpoint.suffix) + ".card.json")
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{path}: not a model card: {error}") from None
    if not isinstance(card, dict):
        raise UnavailableError(f"{path}: not a model card: must be a JSON object")
    # An export can be a checkpoint too: what the last one found out does not describe the network.
    return {key: value for key, value in card.items() if key not in ("bf16", "export")}


def _said(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "  bf16 kernels were not measured here, so f32 runs"
    figures = f"{accuracy.codes:.2f} codes at most, {accuracy.decibels:.1f} dB"
    return f"  bf16 kernels differ from torch by {figures}: {'used' if accuracy.good else 'not used'}"


def _record(
    description: Description, differences: dict[str, Any], accuracy: Accuracy | None
) -> dict[str, Any]:
    """What the card says of the export: how far each file is from torch, and with which versions."""
    import onnx
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    from export.onnx.network import OPSET
    from export.parity import F16, F32
    from rtvideo.models.shapes import multiply_adds
    from rtvideo.version import __version__

    illumination, noise = multiply_adds(description)
    return {
        "difference_from_torch_f64": {key: dataclasses.asdict(value) for key, value in differences.items()},
        "bf16_kernel": accuracy and dataclasses.asdict(accuracy),
        "tolerance": {"f32": dataclasses.asdict(F32), "fp16": dataclasses.asdict(F16)},
        "multiply_adds_per_pixel": {"iem": illumination, "nrm": noise},
        "opset": OPSET,
        "versions": {
            "rtvideo": __version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
