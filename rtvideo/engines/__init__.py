"""Engines: the ways to run a model. `registry` lists them; `opening` opens one."""
