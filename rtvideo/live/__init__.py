"""What comes as it is taken: cameras, streams and pipes, to files, streams, windows and pages, at once.

A frame's way: `rtvideo.live.input` captures packets, `pictures` decodes them, `engine` enhances, and `drains`
hands the result to each output and viewer. `pipeline` runs all that side by side; `adapt` decides when to do
less.
"""
