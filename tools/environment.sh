#!/bin/sh
# Brings .venv to what the locks say: `environment.sh runtime` or `environment.sh dev`.
# Where it is there already, a few comparisons of files are all that happens.
set -eu

if [ -e .venv ] && [ ! -O .venv ]; then
  owner=$(ls -Lld .venv | awk '{ print $3 }')
  echo ".venv belongs to the user $owner: run this as $owner, or remove .venv and try again." >&2
  exit 1
fi

# As environment.py leaves it: what was installed, and where, for a moved .venv is a broken one.
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
