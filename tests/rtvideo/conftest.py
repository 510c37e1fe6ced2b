"""What several tests of the program share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def gain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that everybody can check by head: three times the input, cut at white."""
    onnx = pytest.importorskip("onnx", reason="writes a network for the test")
    pytest.importorskip("onnxruntime", reason="runs the network")
    float_, helper = onnx.TensorProto.FLOAT, onnx.helper
    shape = [1, 3, "height", "width"]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["image", "gain"], ["bright"]),
            helper.make_node("Clip", ["bright", "black", "white"], ["enhanced"]),
        ],
        "gain",
        [helper.make_tensor_value_info("image", float_, shape)],
        [helper.make_tensor_value_info("enhanced", float_, shape)],
        [
            helper.make_tensor(name, float_, [], [value])
            for name, value in (("gain", 3.0), ("black", 0.0), ("white", 1.0))
        ],
    )
    path = tmp_path_factory.mktemp("model") / "gain.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path
