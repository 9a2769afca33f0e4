#!/usr/bin/env bash
# Makes .venv: Python 3.11 with the pinned requirements and this project. Run by make.
set -euo pipefail

fail() { echo "setup: $*" >&2; exit 1; }

# Debian packages: asked for by name, installed where that needs no password.
install_packages() {
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "setup: installing Debian packages: $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
  else
    fail "these system packages are missing; install them and run make again: sudo apt-get install $*"
  fi
}

command -v "$PYTHON" >/dev/null || PYTHON=python3
command -v "$PYTHON" >/dev/null || fail "no python3.11 found; make PYTHON=/path/to/python3.11"
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = 3.11 ] ||
  fail "$PYTHON is Python $version, and bpy 4.5 needs 3.11; make PYTHON=/path/to/python3.11"
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || install_packages python3.11-venv

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  rm -rf .venv
  "$PYTHON" -m venv .venv
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check)
index=()
[ -z "${TORCH_INDEX:-}" ] || index=(--index-url "$TORCH_INDEX")
echo "setup: installing torch, bpy and the rest into .venv (about 2 GB; a few minutes)"
"${pip[@]}" install --quiet "${index[@]}" "$(grep '^torch==' requirements.txt)" ||
  fail "torch could not be installed; without a network, run make once with one"
"${pip[@]}" install --quiet --requirement requirements.txt 'setuptools>=77,<90' ||
  fail "the requirements could not be installed; without a network, run make once with one"
"${pip[@]}" install --quiet --no-build-isolation --no-deps --editable .

if ! problem=$(.venv/bin/python -c 'import bpy' 2>&1); then
  case "$problem" in
    *"cannot open shared object file"*)
      install_packages libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1 \
        libegl1 ;;
  esac
  .venv/bin/python -c 'import bpy' || fail "bpy is installed but doesn't start (see above)"
fi
# With these kept, building the full extension and its test need no network. A torch for graphics
# cards is too large to be kept a second time.
if .venv/bin/python -c 'import sys, torch; sys.exit(torch.backends.cuda.is_built())'; then
  .venv/bin/python scripts/build_extension.py --wheels-only --torch-index "${TORCH_INDEX:-}" ||
    echo "setup: all else is ready, only the full extension can't be built yet (see above)"
fi
touch .venv/.ready
echo "setup: done; the command is .venv/bin/jumps"
