"""What comes as it is taken: cameras, streams and pipes, to files, streams, windows and pages, at once.

A frame's way: `rtvideo.live.input` captures packets, `decoder` decodes them, `engine` enhances, and `fanout`
hands the result to each output and viewer. `pipeline` runs all that side by side; `quality` decides when to
do less.
"""
