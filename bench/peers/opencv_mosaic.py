#!/usr/bin/env python3
"""What one mosaic for each received frame costs with OpenCV, the way the original server does it.

For every received frame: decode it, resize the latest four to 640x480, join them two by two, encode
the 1280x960 mosaic. One thread; no network. Frame n is client n % 4's. Prints the program, the CPU
milliseconds of a mosaic and its bytes, both on average, with tabs between them.
"""

import argparse
import pathlib
import time

import cv2
import numpy as np

TILE = (640, 480)


def mosaic_of(latest, quality):
    """The four latest frames, joined and encoded."""
    tiles = [cv2.resize(frame, TILE) for frame in latest]
    mosaic = cv2.vconcat([cv2.hconcat(tiles[:2]), cv2.hconcat(tiles[2:])])
    _, jpeg = cv2.imencode(".jpg", mosaic, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=pathlib.Path, help="a folder of JPEG frames")
    parser.add_argument("--mosaics", type=int, default=300, help="frames to receive [300]")
    parser.add_argument("--quality", type=int, default=85, help="JPEG quality of the mosaic [85]")
    parser.add_argument("--save", type=pathlib.Path, help="write every mosaic into this folder, too")
    return parser.parse_args()


def main():
    args = arguments()
    cv2.setNumThreads(1)
    frames = [np.fromfile(path, np.uint8) for path in sorted(args.frames.glob("*.jpg"))]
    # A client that has not sent yet is black; four frames come first, so that every mosaic counted is full.
    latest = [np.zeros((TILE[1], TILE[0], 3), np.uint8)] * 4
    spent, size = 0.0, 0
    warm_up = 0 if args.save else 4
    for n in range(-warm_up, args.mosaics):
        begin = time.process_time()
        latest[n % 4] = cv2.imdecode(frames[n % len(frames)], cv2.IMREAD_COLOR)
        jpeg = mosaic_of(latest, args.quality)
        if n >= 0:
            spent += time.process_time() - begin
            size += len(jpeg)
        if args.save:
            jpeg.tofile(args.save / f"{n:04}.jpg")
    print(f"OpenCV {cv2.__version__}\t{spent / args.mosaics * 1e3:.4f}\t{size // args.mosaics}")


if __name__ == "__main__":
    main()
