#!/bin/sh
# need.sh PACKAGE:PROGRAM... installs the Debian packages whose program is missing, where that can be done,
# and otherwise says in one line what is missing. Exit status 0 when all are there, 1 when some are not.
set -eu
PATH=$PATH:/usr/sbin:/sbin
missing=
for each in "$@"; do
  command -v "${each#*:}" >/dev/null 2>&1 || missing="$missing ${each%%:*}"
done
[ "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing$missing" >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # The package list may be old or absent on a fresh machine: once with the list at hand, once with a new one.
  # shellcheck disable=SC2086
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1; }
  install || { apt-get update -q >"$log" 2>&1 && install; } || {
    tail -n 5 "$log" >&2
    echo "cannot install$missing: install them by hand" >&2
    exit 1
  }
  exit 0
fi
echo "missing:$missing (as root: apt-get install$missing)" >&2
exit 1
