#!/bin/sh
# Usage: fuzz.sh SECONDS TARGET ...
# Runs fuzz targets for so many seconds each, under the address sanitizer. What they learn is kept in target/fuzz-corpus,
# what they find in target/fuzz-artifacts.
set -eu
cd "$(dirname "$0")/.."

seconds=$1
shift
"$(dirname "$0")/install.sh" c++:g++
# The decoder of H.264 is C++, and is watched as well.
export CXXFLAGS="-fsanitize=address ${CXXFLAGS:-}"
tool=target/tools/bin/cargo-fuzz
[ -x $tool ] || cargo install --quiet --locked --root target/tools cargo-fuzz
for target in "$@"; do
  corpus=target/fuzz-corpus/$target artifacts=target/fuzz-artifacts/$target log=target/fuzz-$target.log
  mkdir -p "$corpus" "$artifacts"
  scripts/sanitized.sh $tool build --target-dir target/fuzz "$target" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  program=$(ls -t target/fuzz/*/release/"$target" | head -n 1)
  seeds=fuzz/seeds/$target
  [ -d "$seeds" ] || seeds=fuzz/seeds/frames
  set -- "$corpus" "$seeds"
  [ ! -d "fuzz/regressions/$target" ] || set -- "$@" "fuzz/regressions/$target"
  # Long inputs from the start: short ones are no frames.
  if ! "$program" -max_total_time="$seconds" -max_len=2048 -len_control=0 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$artifacts/" "$@" >"$log" 2>&1; then
    grep -A 2 "panicked at\|ERROR: " "$log" >&2 || tail -n 20 "$log" >&2
    echo "$target: a finding in $artifacts; all of it in $log" >&2
    exit 1
  fi
  echo "$target: no finding in $(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 runs, \2 seconds/p' "$log")"
done
