"""A network as an ONNX graph, written node by node."""
