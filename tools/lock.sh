#!/bin/sh
# Writes both locks anew from pyproject.toml: every distribution's hash, no address.
# Arguments go to uv: `--upgrade` takes the newest versions that pyproject.toml allows.
set -eu

python=$(sh tools/python.sh)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$python" -m venv "$place"
"$place/bin/python" -m pip install --quiet uv

compile() {
  "$place/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" "$@" >/dev/null
}

compile --group build --output-file requirements.lock "$@"
# The runtime's versions bind the tests, so that what was tested is what runs.
compile --group dev --constraints requirements.lock --output-file requirements-dev.lock "$@"
