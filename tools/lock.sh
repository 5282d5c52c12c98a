#!/bin/sh
# Generate both locks from pyproject.toml, with all hashes but without index URLs. Arguments are
# passed to uv. For example, `--upgrade` selects the newest versions that pyproject.toml allows.
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
# The runtime lock is a constraint here because tests should use the versions that get deployed.
compile --group dev --constraints requirements.lock --output-file requirements-dev.lock "$@"
