"""The most multiply-adds a second that the processor can do, from a kernel that does nothing else."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cpu import build, isa

# Twelve chains hide the latency of two units with four or five cycles each. What comes in as an argument
# cannot be folded, and what goes out cannot be left away.
SOURCE = """
#include "simd.hpp"
using namespace rt;
extern "C" __attribute__((visibility("default"))) float rt_peak(long rounds, float a, float b) {
    vec sums[12];
    for (int k = 0; k < 12; k++) sums[k] = splat(k * b);
    for (long i = 0; i < rounds; i++)
        UNROLL for (int k = 0; k < 12; k++) sums[k] = sums[k] * a + b;
    vec sum = {};
    for (int k = 0; k < 12; k++) sum += sums[k];
    return sum[0];
}
extern "C" __attribute__((visibility("default"))) int rt_lanes() { return LANES; }
"""

ROUNDS = 4_000_000


class Peak:
    """An f32 peak that can be measured again and again, between other measurements.

    Args:
        threads: that run at once.

    Raises:
        UnavailableError: no compiler here.
    """

    def __init__(self, threads: int) -> None:
        usable = [one for one in isa.usable() if not one.packed_dtype]
        if not usable:
            raise UnavailableError("no kernels for this kind of processor")
        library = ctypes.CDLL(str(build.library(SOURCE, usable[0])))
        self._run = library.rt_peak
        self._run.argtypes = [ctypes.c_long, ctypes.c_float, ctypes.c_float]
        self._run.restype = ctypes.c_float
        self._threads = threads
        #: Multiply-adds of one call.
        self.multiply_adds = 12 * ROUNDS * int(library.rt_lanes()) * threads

    def __call__(self) -> None:
        """Keep all threads at work for some milliseconds."""
        with ThreadPoolExecutor(self._threads) as pool:
            for job in [pool.submit(self._run, ROUNDS, 0.5, 0.25) for _ in range(self._threads)]:
                job.result()
