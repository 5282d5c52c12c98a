#!/bin/sh
# Update .venv to match the locks: `environment.sh runtime` or `environment.sh dev`.
# If .venv is already up to date, this only compares a few files.
set -eu

if [ -e .venv ] && [ ! -O .venv ]; then
  owner=$(ls -Lld .venv | awk '{ print $3 }')
  echo ".venv belongs to the user $owner: run this as $owner, or remove .venv and try again." >&2
  exit 1
fi

# Compare the files with the copies that environment.py has stored. It also stores the path, because
# a .venv doesn't work after it has been moved.
fresh() {
  [ -x .venv/bin/python ] && [ "$(cat .venv/place 2>/dev/null)" = "$(pwd -P)" ] || return 1
  for file in "$@"; do
    cmp -s "$file" ".venv/$file" || return 1
  done
}

case $1 in
  runtime) fresh pyproject.toml requirements.lock && exit 0 ;;
  dev) fresh pyproject.toml requirements.lock requirements-dev.lock && exit 0 ;;
esac

python=$(sh tools/python.sh)
exec "$python" -I tools/environment.py "$1"
