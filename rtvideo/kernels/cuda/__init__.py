"""The CUDA back end: a `Program` becomes kernels for NVIDIA GPUs. Nothing here has run on a GPU yet.

The way of a network::

    program.py       the form that it shares with the back end for processors
      |  steps.py    layers that read one another at the pixel itself make a step and stay in registers
      |  schedule.py steps are shared out among kernels, and tiles get a size
      v
    emit.py          CUDA on top of include/*.cuh; packing.py: the weights as it reads them;
      |              over_time.py: the kernels that look at the frames before, history.py: what they keep
      |  nvrtc.py    compiled when first needed and kept, for the device at hand
      v
    network.py       modules, buffers and a graph on a device; planes in and out lie in its memory
      v
    engines/cuda.py  frames in main memory

**Tiles.** A block of threads makes a tile of the picture; what a layer reads around a pixel lies in shared
memory with a halo. A thread works on a few pixels of one column, so that each weight, which all threads
read at the same place in constant memory, serves several multiply-adds.

**Cuts.** The more layers share a kernel, the wider its halo, which neighbouring blocks make again; what lies
between two kernels goes through the device's memory. `schedule` takes the cuts that cost least.

**Half precision.** The cells of the full size may keep and multiply pairs of channels in half precision, as
those for processors do in bf16; light, image and grid stay f32.
"""
