#!/usr/bin/env bash
# Ends the server that start.sh has started in DIR, and removes DIR with all its objects.
set -euo pipefail

if [ $# -ne 1 ] || [ ! -f "$1/ceph.conf" ]; then
  echo "usage: stop.sh DIR (a directory of start.sh)" >&2
  exit 2
fi
dir=$(cd "$1" && pwd)

# The process may be gone, and its number somebody else's. One that was killed has no command line any more.
is_ours() {
  [ -r "/proc/$1/cmdline" ] && tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF "$dir/ceph.conf"
}

while read -r pid; do
  if is_ours "$pid"; then kill -9 "$pid" || true; fi
  for ((try = 0; try < 100; try++)); do
    if ! is_ours "$pid"; then break; fi
    sleep 0.05
  done
done <"$dir/pids"
rm -rf "$dir"
