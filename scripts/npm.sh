#!/bin/sh
# Usage: npm.sh FOLDER SOURCE
# Installs the npm packages that SOURCE/package-lock.json lists into FOLDER, anew when the list has changed.
set -eu

folder=$1 source=$2
"$(dirname "$0")/install.sh" node:nodejs npm:npm
rm -rf "$folder"
mkdir -p "$folder"
cp "$source/package.json" "$source/package-lock.json" "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
touch "$folder/.ready"
