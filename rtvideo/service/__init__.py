"""Many cameras, for months: ``rtvideo serve``.

`config` reads the file, `supervisor` keeps a process running for each camera, `worker` is what runs in it,
and `web` shows them all.
"""
