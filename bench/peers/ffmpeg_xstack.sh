#!/bin/bash
# Usage: ffmpeg_xstack.sh FRAMES_DIR MOSAICS QUALITY [SAVE_DIR]
# What one mosaic for each tick costs with ffmpeg's xstack: four streams of JPEGs decoded, scaled to 640x480, joined
# two by two, encoded at QUALITY, 2 (best) to 31. Frame n is stream n % 4's. One thread for each codec and filter.
# Prints the program, the CPU milliseconds of a mosaic and its bytes, with tabs between them. What a run of four
# mosaics costs is taken off: ffmpeg's start. With SAVE_DIR every mosaic is written there, too.
set -eu

frames=$(realpath "$1") mosaics=$2 quality=$3 save=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
for frame in "$frames"/*.jpg; do
  slot=$((n % 4))
  mkdir -p "$work/$slot"
  ln -s "$frame" "$work/$slot/$(printf %04d $((n / 4))).jpg"
  n=$((n + 1))
done

inputs=() scaled='' joined=''
for slot in 0 1 2 3; do
  inputs+=(-threads 1 -f image2 -loop 1 -framerate 30 -i "$work/$slot/%04d.jpg")
  scaled+="[$slot:v]scale=640:480,setsar=1[s$slot];"
  joined+="[s$slot]"
done
graph="$scaled${joined}xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0,format=yuvj420p"

run() { # run MOSAICS FORMAT OUT
  ffmpeg -nostdin -v error -y -filter_threads 1 -filter_complex_threads 1 "${inputs[@]}" -filter_complex "$graph" \
    -frames:v "$1" -c:v mjpeg -q:v "$quality" -threads 1 -f "$2" "$3"
}
cpu_ms() { # cpu_ms MOSAICS
  TIMEFORMAT='%U %S'
  { time run "$1" mjpeg "$work/out.mjpeg" >/dev/null; } 2>&1 | awk 'END { print ($1 + $2) * 1000 }'
}

[ -z "$save" ] || run "$mosaics" image2 "$save/%04d.jpg"
start=$(cpu_ms 4)
all=$(cpu_ms $((mosaics + 4)))
bytes=$(stat -c %s "$work/out.mjpeg")
version=$(ffmpeg -version | awk 'NR == 1 { print $3 }')
awk -v name="ffmpeg ${version%%-*}" -v all="$all" -v start="$start" -v n="$mosaics" -v bytes="$bytes" \
  'BEGIN { printf "%s\t%.4f\t%d\n", name, (all - start) / n, bytes / (n + 4) }'
