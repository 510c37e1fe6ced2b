"""A camera that draws the time into its pictures, so that whoever sees one knows how old it is.

``python -m benchmarks.live.time_code PORT WIDTHxHEIGHT RATE`` waits for one connection on 127.0.0.1 and sends
dark pictures in real time, uncompressed (y4m), as a camera on a fast cable does. Late ones are left out.
"""

from __future__ import annotations

import socket
import sys
import time

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]

#: Bits of the milliseconds of `time.monotonic`, which all processes of a machine share: some 12 days.
_BITS = 30

#: Before the bits a black and a white block, to compare with.
_BLOCKS = _BITS + 2

_DARK, _BRIGHT, _BETWEEN = 20, 90, 40


def draw(luma: Luma, seconds: float) -> None:
    """Draw a moment into the first rows of a picture, a block a bit.

    Args:
        luma: (height, width), 8 bit, at least 128 wide.
    """
    side = luma.shape[1] // _BLOCKS
    moment = round(seconds * 1000)
    bits = [0, 1, *(moment >> place & 1 for place in range(_BITS))]
    for index, bit in enumerate(bits):
        luma[:side, index * side : (index + 1) * side] = _BRIGHT if bit else _DARK


def read(luma: Luma) -> float:
    """Return the moment that a picture shows, to the millisecond; it may be brighter or compressed."""
    side = luma.shape[1] // _BLOCKS
    inside = slice(side // 4, max(side // 4 + 1, side * 3 // 4))
    blocks = luma[:side, : side * _BLOCKS].reshape(side, _BLOCKS, side)[inside, :, inside]
    levels = blocks.mean(axis=(0, 2), dtype=np.float64)
    middle = (levels[0] + levels[1]) / 2
    return sum(1 << place for place in range(_BITS) if levels[2 + place] > middle) / 1000


def send(connection: socket.socket, width: int, height: int, rate: float) -> None:
    """Send pictures until nobody takes them."""
    luma = np.full((height, width), _BETWEEN, np.uint8)
    luma += (np.arange(width, dtype=np.uint8) % 16)[None, :]  # something to compress
    chroma = np.full((height + 1) // 2 * ((width + 1) // 2) * 2, 128, np.uint8).tobytes()
    connection.sendall(f"YUV4MPEG2 W{width} H{height} F{round(rate)}:1 Ip A1:1 C420jpeg\n".encode())
    due = time.monotonic()
    while True:
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        elif now > due + 1 / rate:
            due = now  # late: pictures in between were never taken
        draw(luma, time.monotonic())
        connection.sendall(b"FRAME\n" + luma.tobytes() + chroma)
        due += 1 / rate


def main() -> None:
    """Be the camera."""
    port, (width, height), rate = int(sys.argv[1]), map(int, sys.argv[2].split("x")), float(sys.argv[3])
    with socket.create_server(("127.0.0.1", port)) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
        # A frame or two may wait in the line, not a second of them.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, width * height)
        try:
            send(connection, width, height, rate)
        except OSError:
            return


if __name__ == "__main__":
    main()
