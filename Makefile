# `make` sets up .venv; `make demo` and `make test` do so first if need be.
# A line here is for people with other machines:
#   make PYTHON=/path/to/python3.11          another interpreter
#   make TORCH_INDEX=URL                     another wheel index for torch (CPU or CUDA builds)
#   make video VIDEO_PYTHON=/path/to/python3.12     another interpreter for what estimates poses
#   make video VIDEO_BACKEND=rtmpose        another estimator
#   make extension-full FULL_PYTHON=/path/to/python3.13    the package for Blender 5.1 and later

PYTHON ?= python3.11
PYTHON313 ?= python3.13
VIDEO_PYTHON ?=
VIDEO_BACKEND ?= mediapipe
TORCH_INDEX ?=
SHELL := /bin/bash
BIN := .venv/bin
FULL_PYTHON ?= $(BIN)/python
EXAMPLE := examples/karate_cmu_135_07.json

.PHONY: setup demo video test test-ui screenshots bench lint extension extension-full bpy52 clean help
.DEFAULT_GOAL := setup

setup: .venv/.ready  ## Python environment with torch, bpy and the jumps command
.venv/.ready: requirements.txt pyproject.toml scripts/setup.sh
	PYTHON="$(PYTHON)" TORCH_INDEX="$(TORCH_INDEX)" bash scripts/setup.sh

demo: setup  ## the whole way on the project's own example, into build/demo/
	rm -rf build/demo && mkdir -p build/demo
	$(BIN)/jumps animate $(EXAMPLE) --fps 30 --blend build/demo/karate.blend \
	  --fbx build/demo/karate.fbx --preview build/demo/karate.png
	@ls -l build/demo

# Poses from video: an environment of its own, which jumps finds there. Made with this Python, if it
# fits, else with one that is found; tests and benchmarks that need it skip, saying so.
video: .venv-$(VIDEO_BACKEND)/environment.json  ## what finds poses in video, for the jumps command
.venv-%/environment.json: jumps_blender/video/backends.py | setup
	$(BIN)/python -m jumps_blender install-estimator $* --folder .venv-$* $(VIDEO_PYTHON:%=--python "%")
	touch $@

test: setup  ## all tests that need no window
	$(BIN)/python -m pytest tests/unit tests/blender

test-ui: setup  ## tests in a real Blender window, where the chroot can be made (root, Linux)
	$(BIN)/python -m pytest tests/ui -rP

screenshots: setup  ## the documentation's pictures of Blender's window, anew
	$(BIN)/python -m scripts.screenshots

bench: setup  ## speed and memory, with ratios
	$(BIN)/python benchmarks/keyframes.py
	$(BIN)/python benchmarks/space.py
	$(BIN)/python -m benchmarks.overlay
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/video.py

lint: setup  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

extension: setup  ## dist/jumps_blender-VERSION.zip, validated
	$(BIN)/python scripts/build_extension.py

extension-full: setup  ## the same with torch inside: dist/jumps_blender-VERSION-full-….zip
	$(BIN)/python scripts/build_extension.py --full --python "$(FULL_PYTHON)" \
	  --torch-index "$(TORCH_INDEX)"

# Blender 5.2 runs Python 3.13; the tests that need it skip, saying so, where it is absent.
bpy52: .venv-bpy52/.ready  ## a second environment with bpy 5.2, for the tests
.venv-bpy52/.ready:
	rm -rf .venv-bpy52
	$(PYTHON313) -m venv .venv-bpy52
	.venv-bpy52/bin/python -m pip install --quiet bpy==5.2.3
	touch $@

clean:  ## everything that was built
	rm -rf .venv .venv-* build dist

help:
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
