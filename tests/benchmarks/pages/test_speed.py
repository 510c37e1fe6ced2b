"""The tables of speed, from records such as benchmarks/fps.py and benchmarks/passes.py write."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import fps
from benchmarks.pages import speed
from benchmarks.speed.contestants import Contestant


def contestant(network: str, engine: str, cost: float) -> Contestant:
    return Contestant(network, engine, cost, lambda width, height, threads: lambda: None)


def test_tables_come_from_what_was_measured(tmp_path: Path) -> None:
    those = [contestant("night, IEM", "onnxruntime", 100), contestant("night, IEM", "fused", 100)]
    runs = []
    for k, (width, height) in enumerate([(20, 10), (10, 10)]):
        records = fps.records(width, height, 2, those, [[0.3], [0.1 + k]], ceiling=1e6)
        path = tmp_path / f"{k}.json"
        run = {"engines": records, "peak": {f"{width}x{height}": 1.0}, "threads": records, "files": []}
        path.write_text(json.dumps({**run, "start_up_seconds": {"version": 0.1}}))
        runs.append(path)
    merged = speed.read([*runs, runs[0]])
    table = speed.engine_table(merged["engines"], ["night, IEM"], shares=True).splitlines()
    assert table[0] == "| network | engine | 10x10 | 20x10 |"
    assert table[3] == "| night, IEM | fused | 1100.0 (0.3 x, 1%) | 100.0 (3.0 x, 20%) |"
    assert "2 threads" in speed.thread_table(merged["threads"])


def test_profiles_and_sizes_of_the_illumination_become_tables(tmp_path: Path) -> None:
    profile = {"model": "night", "isa": "avx2", "denoise": 0.0, "parts": {"grid: cells": 0.5}}
    (tmp_path / "1.json").write_text(json.dumps({"passes": {**profile, "counting": 2.25, "shipped": 2.0}}))
    full = {"full_size": None, "reference": 17.5}
    half = {"full_size": 44.04, "reference": 17.75}
    rows = [
        {"choice": "full size", "ms": 9.0, "trained": full, "strong": full},
        {"choice": "1/2, guided", "ms": 4.0, "trained": half, "strong": half},
    ]
    (tmp_path / "2.json").write_text(json.dumps({"illumination": {"rows": rows}}))
    merged = speed.read([tmp_path / "1.json", tmp_path / "2.json"])
    assert speed.pass_table(merged["passes"]).splitlines()[2:] == [
        "| grid: cells | 0.50 |",
        "| together | 2.25 |",
        "| as shipped, without counters | 2.00 |",
    ]
    assert speed.illumination_table(merged["illumination"][0]).splitlines()[2:] == [
        "| full size | 9.0 |  | 17.50 |  |",
        "| 1/2, guided | 4.0 | 44.0 | 17.75 | 44.0 |",
    ]
