"""What every test run needs first."""

from __future__ import annotations

from pathlib import Path


def pytest_configure() -> None:
    """Drop compiled kernels that are older than any kernel's source.

    numba's disk cache looks at the file that holds a function, not at those of the functions it calls.
    """
    for package in (Path(__file__).parents[1] / "src" / "tidewatt").iterdir():
        sources = [f.stat().st_mtime for f in package.glob("*.py")] if package.is_dir() else []
        for compiled in package.glob("__pycache__/*.nb[ic]") if sources else ():
            if compiled.stat().st_mtime < max(sources):
                compiled.unlink(missing_ok=True)
