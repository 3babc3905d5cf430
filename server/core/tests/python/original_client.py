"""A client as the original has it: grpcio and OpenCV, from the original's proto alone.

Usage: original_client.py CLIENT_ID VIDEO ADDRESS

Sends VIDEO as fast as it can be read, at its own size and JPEG quality 95. Saves what it receives as
CLIENT_ID/client_CLIENT_ID_frame_N.jpg in the current folder. Fails unless mosaic N came after frame N was sent
and shows it in CLIENT_ID's quadrant, better than the frames beside it. Prints how many frames it sent and
how many mosaics came back.
"""

import os
import sys

import cv2
import grpc
import numpy as np

import original_pb2
import original_pb2_grpc

TILE = (640, 480)


def frames_of(video, client_id, sent):
    """The requests, as fast as grpcio takes them; each frame's luma is noted in `sent`."""
    capture = cv2.VideoCapture(video)
    while True:
        there, frame = capture.read()
        if not there:
            return
        sent.append(expected(frame))
        _, jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        yield original_pb2.FrameRequest(frame_data=jpeg.tobytes(), client_id=client_id)


def expected(frame):
    """The luma of `frame` on a tile, stretched. Means are taken where it shrinks, as its pixels are many."""
    shrinks = frame.shape[0] * frame.shape[1] > TILE[0] * TILE[1]
    scaled = cv2.resize(frame, TILE, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY)


def quadrant(mosaic, slot):
    """The luma of one quadrant."""
    (width, height), (x, y) = TILE, (slot % 2 * TILE[0], slot // 2 * TILE[1])
    return cv2.cvtColor(mosaic[y : y + height, x : x + width], cv2.COLOR_BGR2GRAY)


def psnr(a, b):
    """Without the edge, where decoders blend chroma across the seams."""
    return cv2.PSNR(a[2:-2, 2:-2], b[2:-2, 2:-2])


def check(number, mosaic, slot, sent):
    """Mosaic `number` is the answer to frame `number`."""
    assert mosaic.shape == (2 * TILE[1], 2 * TILE[0], 3), f"mosaic {number} is {mosaic.shape}"
    assert number <= len(sent), f"mosaic {number} came after {len(sent)} frames"
    tile = quadrant(mosaic, slot)
    match = psnr(tile, sent[number - 1])
    assert match > 30, f"mosaic {number} is not frame {number}: {match:.1f} dB"
    beside = [psnr(tile, frame) for frame in (*sent[max(number - 2, 0) : number - 1], *sent[number : number + 1])]
    # A clip may show a picture twice: then one matches as well as the other.
    assert match > max(beside, default=0) - 0.5, f"mosaic {number}: {match:.1f} dB, frames beside {beside}"


def main(client_id, video, address):
    os.makedirs(client_id, exist_ok=True)
    slot = int(client_id.removeprefix("client")) - 1
    sent, number = [], 0
    with grpc.insecure_channel(address) as channel:
        stub = original_pb2_grpc.VideoProcessingServiceStub(channel)
        for number, response in enumerate(stub.StreamFrames(frames_of(video, client_id, sent)), 1):
            assert response.frame_data, f"response {number} is empty"
            mosaic = cv2.imdecode(np.frombuffer(response.frame_data, np.uint8), cv2.IMREAD_COLOR)
            cv2.imwrite(f"{client_id}/client_{client_id}_frame_{number}.jpg", mosaic)
            check(number, mosaic, slot, sent)
    assert number == len(sent), f"{number} mosaics for {len(sent)} frames"
    print(f"sent {len(sent)} received {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
