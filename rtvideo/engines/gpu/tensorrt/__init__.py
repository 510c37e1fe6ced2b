"""TensorRT and TensorRT for RTX: ONNX files become plans, and plans are kept. Nothing here has run on a GPU.

package.py   which of the two is installed, and what it says
build.py     an ONNX file becomes a plan, strongly typed; needs a GPU for TensorRT, none for RTX
plans.py     plans in a folder of the user's, by all that decides whether one fits
"""
