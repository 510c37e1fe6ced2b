"""What comes as it is taken: cameras, streams and pipes, to files, streams, windows and pages, at once.

A frame's way: `rtvideo.live.input` captures packets, `decoder` decodes them, `adaptive` enhances, and
`fanout` hands the result to each output and viewer; `sound` goes beside it. `run` does all that side by side;
`quality` decides when to do less.
"""
