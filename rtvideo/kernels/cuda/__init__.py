"""The CUDA back end: a `Program` becomes kernels for NVIDIA GPUs. Nothing here has run on a GPU yet.

The way of a network::

    Program                      ir/program.py
      |  stages.py               stages of one scale become one pass
      |  steps.py                layers that read one another at the pixel itself stay in registers
      |  schedule.py             steps are shared out among kernels, and tiles get a size
      |  emit.py                 CUDA on top of include/*.cuh and common/*.h; kernels in front of the network:
      |                          temporal.py, debanding.py
      v
    CudaSource                   source.py: text, launches and buffers
      |  nvrtc.py                compiled when first needed, kept by cache.py
      v
    CudaNetwork                  network.py: buffers and a graph on a device (driver.py, module.py)
      |                          launch.py: what kernels are told, packing.py, matrices.py: weights,
      |                          temporal_state.py: what is kept from frame to frame
      v
    engines/gpu/cuda.py          frames in main memory

``tensors.py`` has the kernels between frames and the tensors of other runtimes.

**Tiles.** A block of threads makes a tile of the picture; what a layer reads around a pixel lies in shared
memory with a halo. A thread works on a few pixels of one column, so that each weight, which all threads
read at the same place in constant memory, serves several multiply-adds.

**Squares.** Where layers look at the nearest pixels alone, a thread works on 2x2 pixels instead.

**Cuts.** The more layers share a kernel, the wider its halo, which neighbouring blocks make again; what lies
between two kernels goes through the device's memory. `schedule` takes the cuts that cost least.

**Packed.** The cells of noise removal (and all of the full size) may keep and multiply pairs of channels in
half precision, as those for processors do in bf16; light, image and grid stay f32. At half size, tensor cores
may do it (``include/tensor_cores.cuh``, matrices.py): the emitted text is the same but for who runs it.
"""
