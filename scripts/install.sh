#!/bin/sh
# Usage: install.sh PROGRAM:PACKAGE ... HEADER.h:PACKAGE ...
# Sees to it that programs, and headers for the C compiler, are there: takes those that are, installs the Debian packages of the others where apt
# is there and we may, and otherwise fails with the list of what to install.
set -eu

# Debian has daemons where not everybody looks.
PATH=$PATH:/usr/sbin

is_there() {
  case $1 in
    *.h) printf '#include <stdio.h>\n#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

programs=""
packages=""
for pair in "$@"; do
  is_there "${pair%%:*}" || {
    programs="$programs ${pair%%:*}"
    packages="$packages ${pair#*:}"
  }
done
[ -n "$programs" ] || exit 0

root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
if ! command -v apt-get >/dev/null || { [ -n "$root" ] && ! $root true 2>/dev/null; }; then
  echo "missing:$programs" >&2
  echo "install them first (Debian's packages:$packages)" >&2
  exit 1
fi
echo "installing$packages"
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o DPkg::Lock::Timeout=600"
$root $apt update
# shellcheck disable=SC2086 # words, on purpose
$root $apt install -y --no-install-recommends $packages >/dev/null
