"""Where and with what a figure was measured."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["machine", "memory_mib", "reset_peak_memory", "timed"]

PACKAGES = ("tidewatt", "numpy", "numba", "highspy", "ortools", "piqp")


def machine() -> dict[str, Any]:
    """Columns that every row of every result carries."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "cpu": _cpu(),
        "cores": cores,
        "python": platform.python_version(),
        "versions": " ".join(f"{name}={_version(name)}" for name in PACKAGES),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def reset_peak_memory() -> bool:
    """Forget the peak so far, where the kernel lets a process do so."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def memory_mib() -> tuple[float, float]:
    """Resident memory now, and its peak (nan where it cannot be read) [MiB]."""
    found = {}
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            key, _, rest = line.partition(":")
            if key in ("VmRSS", "VmHWM"):
                found[key] = float(rest.split()[0]) / 1024.0
    except OSError:
        pass
    return found.get("VmRSS", float("nan")), found.get("VmHWM", float("nan"))


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Wall time of an action [s], and what it returned."""
    begin = time.perf_counter()
    outcome = action()
    return time.perf_counter() - begin, outcome
