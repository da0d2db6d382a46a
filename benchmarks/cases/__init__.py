"""The cases, one a file."""

from __future__ import annotations

import importlib

__all__ = ["load_cases"]

NAMES = (
    "peers",
    "passes",
    "scale",
    "kernels",
    "routing",
    "assignment",
    "simulate",
    "traffic",
    "sessions",
    "configuration",
    "calibrated",
    "tariffs",
)


def load_cases() -> None:
    """Put every case on the register."""
    for name in NAMES:
        importlib.import_module(f"benchmarks.cases.{name}")
