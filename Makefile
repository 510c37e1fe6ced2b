# The everyday commands; CONTRIBUTING.md says when to use which. Tools come from .venv where there is one.
BIN := $(if $(wildcard .venv/bin/python),.venv/bin/)
TORCH ?= torch==2.13.0
PYTEST = $(BIN)pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: help setup fast test lint format bench site wheels kernels ci

help:
	@echo "make setup    create .venv with all that tests and tools need"
	@echo "make fast     the tests of an inner loop: under a minute on two cores"
	@echo "make test     all tests (ARGS='-k denoise' and the like reach pytest)"
	@echo "make lint     ruff, mypy and clang-format, which change nothing"
	@echo "make format   let ruff and clang-format rewrite the code"
	@echo "make bench    one benchmark: the engines of this machine at 1080p"
	@echo "make site     the documentation as a site, in build/site"
	@echo "make wheels   wheels for Linux on x86-64 and 64-bit Arm, in dist; the latter tried in an emulator"
	@echo "make kernels  kernels for Windows and macOS; those for Windows run under wine"
	@echo "make ci       what must pass before a change goes in: .ci/run"

setup:
	python3 -m venv .venv
	.venv/bin/pip install $(TORCH)
	.venv/bin/pip install -e '.[onnx,train,export,test]' pre-commit

fast:
	$(PYTEST) -m "not (slow or compile or browser or network or gpu)" $(ARGS)

test:
	$(PYTEST) $(ARGS)

lint:
	.ci/lint

format:
	$(BIN)ruff check --fix .
	$(BIN)ruff format .
	$(BIN)clang-format -i $$(find rtvideo model tests -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.cpp')

bench:
	$(BIN)python benchmarks/fps.py --sizes 1920x1080 $(ARGS)

site:
	$(BIN)python docs/site.py

wheels:
	$(BIN)python platforms/wheels.py
	$(BIN)python platforms/try_wheel.py dist/rtvideo-*aarch64.whl --arm

kernels:
	$(BIN)python platforms/kernels.py

ci:
	.ci/run
