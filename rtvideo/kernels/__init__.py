"""The compiler's torch-free half: model description -> passes -> C++ source -> shared library.

The way of a network::

    Description + weights        models/description.py, weights.py
      |  ir/lower.py             after the exact rewrites of ir/rewrites.py
      v
    Program                      ir/program.py: passes of layers, the form that both back ends share
      |  cpu/emit.py             C++ on top of cpu/include/*.hpp   (cuda/emit.py: see rtvideo.kernels.cuda)
      v
    a library for each           cpu/build.py: ziglang's or the system's clang, kept by cache.py
    instruction set (cpu/isa.py)
      |  cpu/library.py          ctypes; structs.py: the structs of both back ends
      v
    engines/fused.py             planes in, planes out

**Arithmetic once.** ``common/*.h`` has every formula and constant, as templates over the value type: vectors
on a processor, floats on a GPU. The headers of a back end have only loops, strips, tiles, threads and memory.

**Passes**, in the order of a frame::

    temporal, if asked for
      scene statistics           noise, change of exposure or light, cut, from patches of 8 x 8 pixels
      exposure compensation      only after a change: done to the picture that is kept, too
      temporal filter            the frame is averaged into that picture, which the network then reads
    debanding, if asked for
      cells                      means of cells of 4 x 4 pixels; a pyramid of them, coarse to fine
      picture                    read again: dark samples move towards the smooth picture that it gives
    grid
      reduce                     reads the picture once: warm start (equation 1), means over blocks of pixels
      stages                     cells (equation 2) on the grid, then exposure and guide
      light smoothing            temporal, too: the light follows in a moving picture
    apply                        reads the picture again: light, noise removal (equation 3), colour conversion

A network whose stages run at full size has no grid. Nothing as large as the frame is kept in between.

**Rows.** A pass cuts the picture into strips narrow enough that all rows alive stay in the second-level
cache, moves down each strip row by row, and every layer trails the one that it reads by as many rows as its
taps reach down. Vectors run along x, channels are unrolled, accumulators stay in registers. Strips overlap
by the halo, bands of rows likewise; both are cut so that all threads finish together. Outside the picture
every layer is zero, as the network's padding says.

**Data, not code.** Weights, colour matrix, range, depth and strength are data: one library serves every
checkpoint of a genotype and every format. The source is always generated here, never read from a model
file.

**Exactness.** No ``-ffast-math``: contraction to fused multiply-adds is all that the compiler may do beyond
the standard. Each rewrite states its condition and has an equality test. Results do not depend on the
number of threads.

**Packed.** Where the processor multiplies pairs of bf16, a second program keeps what is inside full-size
cells in pairs and sums in f32; light, image and grid stay f32. It runs for models whose card says that it was
measured to be good enough (``"bf16": true``), and where it is asked for by name.
"""
