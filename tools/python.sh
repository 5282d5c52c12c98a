#!/bin/sh
# Print the path of the newest Python on the PATH that supports this service and includes venv.
set -u

usable='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'

# Don't stop at the first match in PATH. It could be a version manager's shim that doesn't work, and
# the real program may be in a later folder.
set -f
IFS=:
for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
  for folder in $PATH; do
    python=${folder:-.}/$name
    if [ -x "$python" ] && [ ! -d "$python" ] && "$python" -c "$usable" </dev/null >/dev/null 2>&1; then
      printf '%s\n' "$python"
      exit 0
    fi
  done
done

echo "Python 3.11 to 3.14 with its venv module is needed:" \
  "install it (Debian, Ubuntu: apt install python3-venv; macOS: brew install python) and try again." >&2
exit 1
