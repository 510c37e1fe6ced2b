"""The compiler's torch-free half: model description -> passes -> C++ source -> shared library.

The way of a network::

    Description + weights
      |  lower.py      a `Program`: passes of row layers, after the exact rewrites of rewrites.py
      v
    program.py         the intermediate form that every back end shares
      |  cpp.py        C++ on top of include/*.hpp (a CUDA emitter reads the same form)
      v
    build.py           ziglang's or the system's clang, one library an instruction set, cached
      |  library.py    ctypes
      v
    engines/fused.py   planes in, planes out

**Passes.** *Reduce* reads the frame once: warm start (equation 1) and its block means; *grid* runs the
cells on them and works out the exposure; *apply* reads the frame again, applies the illumination and writes
planes, colour conversion and noise removal included. A network whose stages run at full size has only the
last one. Nothing as large as the frame is ever kept in between.

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

**bf16.** Where the processor multiplies pairs of bf16, a second program keeps what is inside full-size cells
in pairs and sums in f32; light, image and grid stay f32. It runs for models whose card says that it was
measured to be good enough (``"bf16": true``), and where it is asked for by name.
"""
