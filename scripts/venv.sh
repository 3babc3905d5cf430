#!/bin/sh
# Usage: venv.sh FOLDER REQUIREMENTS
# Makes a Python environment with these packages, anew when the list has changed.
set -eu

folder=$1 requirements=$2
if ! python3 -c 'import ensurepip' 2>/dev/null; then
  "$(dirname "$0")/install.sh" ensurepip:python3-venv
fi
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
touch "$folder/.ready"
