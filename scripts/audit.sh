#!/bin/sh
# Usage: audit.sh
# Holds what we build on against deny.toml: licences, bans and sources in any case, and known flaws if the database of
# advisories can be had, which is a git repository. Takes cargo-deny if it is there, else builds it into target/tools.
set -eu
cd "$(dirname "$0")/.."

version=0.20.2
tool=target/tools/bin/cargo-deny
[ -x $tool ] || tool=$(command -v cargo-deny) || {
  echo "building cargo-deny $version, which takes some minutes, once"
  cargo install --quiet --locked --root target/tools cargo-deny --version $version
  tool=target/tools/bin/cargo-deny
}

# Usage: check MANIFEST WHAT...
# All crates of a workspace. Either has its own exceptions among those of deny.toml.
check() {
  manifest=$1 && shift
  "$tool" --manifest-path "$manifest" --workspace --locked check -A license-exception-not-encountered "$@"
}

# The fuzz targets are a workspace of their own, and in no program: what is twice there is no harm.
log=target/audit-fetch.log
if "$tool" fetch db >"$log" 2>&1; then
  check Cargo.toml
  check fuzz/Cargo.toml advisories licenses sources
else
  check Cargo.toml licenses bans sources
  check fuzz/Cargo.toml licenses sources
  tail -n 3 "$log" >&2
  echo "advisories were NOT looked at: their database cannot be had from here (all of it in $log)" >&2
fi
