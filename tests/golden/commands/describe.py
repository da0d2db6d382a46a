"""Describe files in words and numbers: columns, types, rows, sums, extremes and a few values."""

from __future__ import annotations

import json
import math
import re
import tomllib
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

Words = list[str]
Numbers = list[str]

_VARYING = re.compile(
    r"(^|\.)(wall_s|build_s|solve_s|\w*seconds|peak_memory_mib|version|versions\..*|\w*sha256|scenario_absolute|threads"
    r"|files\..*)$"
)
_PICKS = (0.0, 0.37, 1.0)


def number(value: float) -> str:
    """Eight digits; what is only rounding is 0."""
    value = float(value)
    return "0" if abs(value) < 1e-9 else f"{value:.8g}"


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a JSON value, with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flat(each, f"{path}.{key}" if path else str(key))
        if not value:
            yield path, "{}"
    elif isinstance(value, list):
        if value and all(isinstance(x, int | float) and not isinstance(x, bool) for x in value):
            yield path, value
            return
        for k, each in enumerate(value):
            yield from flat(each, f"{path}[{k}]")
        if not value:
            yield path, "[]"
    else:
        yield path, value


def figures(value: Any) -> tuple[Words, Numbers]:
    """The leaves of a JSON value; sentences are words, everything else numbers."""
    words, numbers = [], []
    # Fingerprints of scenarios written by hand are the same on every machine, and old results hold them.
    by_hand = isinstance(value, Mapping) and "small" in str(value.get("scenario"))
    for path, leaf in flat(value):
        if _VARYING.search(path) and not (by_hand and path == "scenario_sha256"):
            numbers.append(f"{path}: *")
        elif isinstance(leaf, str) and " " in leaf.strip():
            words.append(f"{path}: {leaf}")
        elif isinstance(leaf, list):
            numbers.append(f"{path}: {values(np.array(leaf, float))}")
        elif isinstance(leaf, float):
            numbers.append(f"{path}: {number(leaf)}")
        else:
            numbers.append(f"{path}: {leaf}")
    return words, numbers


def values(array: np.ndarray[Any, Any]) -> str:
    """Sum, extremes and a few values of numbers."""
    array = array.astype(float).ravel()
    if not array.size:
        return "empty"
    sound = array[np.isfinite(array)]
    parts = []
    if len(sound) < len(array):
        parts.append(f"nan {int(np.isnan(array).sum())} inf {int(np.isinf(array).sum())}")
    if len(sound):
        parts.append(f"sum {number(math.fsum(sound))} min {number(sound.min())} max {number(sound.max())}")
    picks = [array[round(share * (array.size - 1))] for share in _PICKS] if array.size > 3 else array
    return " ".join([*parts, "at", *map(number, picks)])


def column(name: str, array: np.ndarray[Any, Any]) -> str:
    """One column or variable: type and content."""
    if _VARYING.search(name):
        return "*"
    if array.dtype.kind in "fiub":
        return f"{array.dtype} {values(array)}"
    if array.dtype.kind in "mM":
        return f"time {array.min()} to {array.max()}" if array.size else "time"
    missing = pd.isna(array.ravel())
    cells = ["" if none else str(cell) for none, cell in zip(missing, array.ravel())]
    ends = f" {cells[0][:30]!r} to {cells[-1][:30]!r}" if cells else ""
    return f"text empty {int(missing.sum())} distinct {len(set(cells))}{ends} crc {crc(' '.join(cells))}"


def crc(text: str) -> str:
    """A short fingerprint of a text."""
    return f"{zlib.crc32(text.encode()):08x}"


def frame(table: pd.DataFrame) -> Numbers:
    """Rows, and a line a column."""
    return [
        f"rows: {len(table)}",
        *(f"{name}: {column(str(name), table[name].to_numpy())}" for name in table),
    ]


def schedule(table: pd.DataFrame) -> Numbers:
    """Types and the energy: many schedules cost the same, and which is found depends on the processor."""
    energy = number(table["power_kw"].sum())
    return [*(f"{name}: {dtype}" for name, dtype in table.dtypes.items()), f"power_kw sum: {energy}"]


def dataset(path: Path) -> Numbers:
    """A line a variable, and its attributes."""
    with xr.open_dataset(path) as data:
        lines = [f"@{k}: {'*' if _VARYING.search(str(k)) else v}" for k, v in data.attrs.items()]
        for name, variable in data.variables.items():
            shape = ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
            units = "".join(f" {k}={v}" for k, v in sorted(variable.attrs.items()))
            lines.append(f"{name} ({shape}): {column(str(name), variable.to_numpy())}")
            if units:
                lines.append(f"{name} attributes:{units}")
    return lines


def svg(path: Path) -> tuple[Words, Numbers]:
    """The texts of a picture, and what its lines add up to."""
    text = path.read_text(encoding="utf-8")
    body = text.split("</metadata>")[-1]
    drawn = re.findall(r'<path d="([^"]*)"', re.sub(r"<defs>.*?</defs>", "", body, flags=re.DOTALL))
    points = [float(x) for line in drawn for x in re.findall(r"-?\d+(?:\.\d+)?", line)]
    words = re.findall(r"<!-- (.*?) -->", body)
    if "time [s]" in words:  # it is drawn over the seconds that a study took
        return [], []
    return [" | ".join(words)], [f"lines: {len(drawn)}", f"points: {values(np.array(points))}"]


def file(path: Path) -> tuple[Words, Numbers]:
    """What is in one file."""
    kind = path.suffix
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == ".parquet" and path.name.startswith("schedule"):
            return [], schedule(pd.read_parquet(path))
        if kind == ".parquet":
            return [], frame(pd.read_parquet(path))
        if kind == ".csv":
            return [], frame(pd.read_csv(path)) if path.stat().st_size > 1 else ["rows: none"]
        if kind == ".nc":
            return [], dataset(path)
        if kind == ".json":
            return figures(json.loads(path.read_text("utf-8")))
        if kind == ".toml":
            return figures(tomllib.loads(path.read_text("utf-8")))
        if kind == ".svg":
            return svg(path)
    return [], []
