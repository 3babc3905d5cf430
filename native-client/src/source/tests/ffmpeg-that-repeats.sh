#!/bin/sh
# Stands in for ffmpeg where a test wants it to fail as it does: with the name of what it was to open.
while [ "$1" != -i ]; do shift; done
echo "$2: Connection refused" >&2
exit 1
