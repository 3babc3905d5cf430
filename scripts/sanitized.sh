#!/bin/sh
# Usage: sanitized.sh COMMAND ...
# Runs a command of cargo's with a compiler that takes the flags of sanitizers: nightly if there is one, else the stable
# one, which takes them when it is told that it is its own house.
set -eu

nightly=$(rustup toolchain list 2>/dev/null | sed -n 's/^\(nightly[^ ]*\).*/\1/p' | head -n 1)
if [ -n "$nightly" ]; then
  export RUSTUP_TOOLCHAIN="$nightly"
else
  export RUSTC_BOOTSTRAP=1
fi
host=$(rustc -vV | sed -n 's/^host: //p')
ls "$(rustc --print target-libdir)"/librustc*_rt.asan.* >/dev/null 2>&1 || {
  echo "missing: the address sanitizer, which Rust has for Linux and macOS and not for $host" >&2
  exit 1
}
export CARGO_BUILD_TARGET="$host"
exec "$@"
