#!/bin/sh
# Stands in for ffmpeg where a test wants it to fail after one frame, with a reason.
printf 'YUV4MPEG2 W2 H2 F5:1 C420jpeg\nFRAME\nabcdef'
echo 'camera unplugged' >&2
exit 3
