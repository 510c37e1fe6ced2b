"""The methods that are compared by quality: baselines, the shipped models, and peers in ONNX files."""
