"""A small writer of ONNX graphs: one call an operator, results named by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Array = npt.NDArray[Any]


class Graph:
    """Nodes and constants as they are added. Values are the strings that ONNX knows them by."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.inputs: list[ValueInfoProto] = []

    def image(self, name: str, kind: int) -> str:
        """Add the input (1, 3, height, width) of a type of ONNX's."""
        shape: list[str | int | None] = [1, 3, "height", "width"]
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def scalar(self, name: str, default: float) -> str:
        """Add an input that may be left out: ONNX lets an initializer give an input its default."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
        self.constants[name] = numpy_helper.from_array(np.array(default, np.float32), name)
        return name

    def constant(self, value: Array | float | Sequence[int], name: str = "") -> str:
        """Return a constant: floats are f32, whole numbers int64, arrays as they are; equals are shared."""
        if isinstance(value, float):
            value = np.array(value, np.float32)
        array = np.asarray(value)
        name = name or f"{array.dtype}:{','.join(map(str, array.flat))}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, operator: str, *inputs: str | float, name: str, **attributes: Any) -> str:
        """Add a node and return its result, which is called ``name``; numbers become constants."""
        self._node(operator, inputs, [name], attributes)
        return name

    def split(self, value: str, names: Sequence[str], sizes: Sequence[int] = ()) -> Sequence[str]:
        """Split ``value`` along its channels into parts of these sizes, of one channel each without any."""
        if sizes:
            self._node("Split", [value, self.constant(sizes)], names, {"axis": 1})
        else:
            self._node("Split", [value], names, {"axis": 1, "num_outputs": len(names)})
        return names

    def _node(
        self,
        operator: str,
        inputs: Sequence[str | float],
        names: Sequence[str],
        attributes: dict[str, Any],
    ) -> None:
        values = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(helper.make_node(operator, values, names, name=names[0], **attributes))
