#!/bin/sh
# Makes the sample clips 1.mp4 ... 4.mp4 beside this script, from pictures that ffmpeg computes.
#
#   clips/make.sh             needs ffmpeg with libx264; takes some minutes
#
# The four differ in shape, frame rate, H.264 profile and colour tags on purpose: together they meet every branch
# of the decoder's path. One thread and the bitexact flags give the same bytes again with the same ffmpeg and x264.
set -eu
cd "$(dirname "$0")"
trap "rm -f ./*.part.mp4" EXIT

# encode OUT FILTERGRAPH X264_OPTIONS...
encode() {
    out=$1 graph=$2
    shift 2
    ffmpeg -nostdin -hide_banner -v error -y -filter_complex_threads 1 -filter_complex "$graph" \
        -c:v libx264 -preset veryslow -threads 1 "$@" \
        -map_metadata -1 -fflags +bitexact -flags:v +bitexact -movflags +faststart "$out.part.mp4"
    mv "$out.part.mp4" "$out"
}

# Silk: waves about a wandering centre; every term has a whole number of periods in 5 s, so it loops.
# Drawn at half size, because it has no edges to lose.
encode 1.mp4 "
    color=s=320x240:r=30:d=5,format=yuv444p,geq=
        lum='118+50*sin(X/31+2*PI*T/5)*sin(Y/43-2*PI*T/5)+50*sin(hypot(X-160-90*cos(2*PI*T/5),Y-120-60*sin(4*PI*T/5))/11)':
        cb='150+34*sin(Y/67+X/140-2*PI*T/5)':
        cr='122+40*sin(X/85-Y/120+4*PI*T/5)',
    scale=640:480:flags=bicubic,format=yuv420p" \
    -crf 25 -profile:v high -bf 3 -g 60

# Dusk at sea: a sun that bobs behind three waves. Tagged BT.709, as most HD video is.
sky="clip(Y/430,0,1)"
sun="between(hypot(X-640-300*cos(2*PI*T/5),Y-330-70*sin(2*PI*T/5)),0,120)"
far="gte(Y,430+22*sin(X/150+2*PI*T/5)+9*sin(X/61-4*PI*T/5))"
mid="gte(Y,515+30*sin(X/190-2*PI*T/5)+12*sin(X/83+4*PI*T/5))"
near="gte(Y,610+34*sin(X/230+4*PI*T/5)+14*sin(X/97-2*PI*T/5))"
sea() { # NEAR MID FAR SUN SKY_TOP SKY_BOTTOM, one plane's values
    echo "if($near,$1,if($mid,$2,if($far,$3,if($sun,$4,$5+($6-$5)*$sky))))"
}
encode 2.mp4 "
    color=s=1280x720:r=25:d=5,format=gbrp,geq=
        r='$(sea 12 22 36 255 38 250)':g='$(sea 34 66 104 214 24 132)':b='$(sea 66 104 140 122 84 96)',
    scale=out_color_matrix=bt709:out_range=tv,format=yuv420p" \
    -crf 24 -profile:v main -bf 2 -g 50 -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv

# Conway's game of life, upright; what died fades slowly. No B-frames, no CABAC: what a phone or a camera sends.
encode 3.mp4 "
    life=s=30x40:r=8:mold=10:ratio=0.22:random_seed=11:
        life_color=0xf4f1de:death_color=0x2a9d8f:mold_color=0x12263a,
    scale=480:640:flags=neighbor,fps=24,trim=end_frame=120,format=yuv420p" \
    -crf 27 -profile:v baseline -g 48

# A tunnel of bricks. 426 is no multiple of 16, so the stream is cropped; full range, as cameras send it.
near="hypot(X-213-40*cos(2*PI*T/5),Y-120-24*sin(2*PI*T/5))"
brick="gte(sin(600/($near+14)+8*PI*T/5)*sin(6*atan2(Y-120-24*sin(2*PI*T/5),X-213-40*cos(2*PI*T/5))+2*PI*T/5),0)"
light="min(1,$near/150)"
encode 4.mp4 "
    color=s=426x240:r=15:d=5,format=gbrp,geq=
        r='$light*if($brick,255,92)':g='$light*if($brick,196,24)':b='$light*if($brick,86,120)',
    scale=out_color_matrix=bt601:out_range=pc,format=yuv420p" \
    -crf 27 -profile:v high -bf 3 -g 30 -color_range pc
