#!/bin/sh
# Writes both locks from pyproject.toml, with all hashes and without index URLs.
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
# The tests use the versions of the runtime, so that the tested versions are deployed.
compile --group dev --constraints requirements.lock --output-file requirements-dev.lock "$@"
