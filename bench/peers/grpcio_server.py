#!/usr/bin/env python3
"""A server as the original is: Python grpcio and OpenCV, everything anew for every frame that it receives.

Usage: grpcio_server.py PROTO [--quality Q]

StreamFrames alone. For every received frame: decode it, resize the latest four to 640x480, join them two by two,
encode the 1280x960 mosaic, answer with it. Slots are given in the order in which clients come. Says on standard
output where it listens, a port of the system's choice.
"""

import argparse
import pathlib
import sys
import tempfile
from concurrent import futures

import cv2
import grpc
import numpy as np
from grpc_tools import protoc

TILE = (640, 480)
THREADS = 10


def generated(proto):
    """The modules that protoc makes of `proto`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"--python_out={folder}", f"--grpc_python_out={folder}", proto.name]
        if protoc.main(["protoc", f"-I{proto.parent}", *wanted]) != 0:
            sys.exit(f"{proto} cannot be compiled")
        sys.path.insert(0, folder)
        return __import__(f"{proto.stem}_pb2"), __import__(f"{proto.stem}_pb2_grpc")


class Call:
    """The four latest frames, and the mosaic of them."""

    def __init__(self, quality):
        self.quality = quality
        self.slots = {}
        self.latest = [np.zeros((TILE[1], TILE[0], 3), np.uint8)] * 4

    def take(self, client, data):
        """A frame without data shows nothing new, and only takes a place."""
        slot = self.slots.setdefault(client, len(self.slots) % 4)
        if data:
            self.latest[slot] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    def mosaic(self):
        tiles = [cv2.resize(frame, TILE) for frame in self.latest]
        mosaic = cv2.vconcat([cv2.hconcat(tiles[:2]), cv2.hconcat(tiles[2:])])
        return cv2.imencode(".jpg", mosaic, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1].tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proto", type=pathlib.Path)
    parser.add_argument("--quality", type=int, default=95, help="JPEG quality of the mosaic [95]")
    args = parser.parse_args()

    cv2.setNumThreads(1)
    wire, rpc = generated(args.proto.resolve())
    call = Call(args.quality)

    class Service(rpc.VideoProcessingServiceServicer):
        def StreamFrames(self, requests, context):
            client = None
            for request in requests:
                client = request.client_id or client
                call.take(client, request.frame_data)
                yield wire.FrameResponse(frame_data=call.mosaic())

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS))
    rpc.add_VideoProcessingServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
