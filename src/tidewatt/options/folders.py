"""How a study reads a scenario that is given as a folder.

What reads folders is above every study, so `tidewatt` itself, which knows all rooms, names the reader here.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

__all__ = ["reader"]

reader: Callable[[str | PathLike[str]], Any]
