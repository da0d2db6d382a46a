"""Options that several verbs share, with the words of their help."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

__all__ = ["Json", "Overwrite", "Seed", "Switch"]

Json = Annotated[
    bool,
    Parameter(
        name="--json",
        negative="",
        show_default=False,
        help="Print the summary as one JSON object on standard output, and nothing else there.",
    ),
]
Overwrite = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Replace the scenario that stands in the folder already; by default it is kept and the "
        "command refuses.",
    ),
]
Seed = Annotated[int, Parameter(help="Seed of every random choice; the same seed gives the same output.")]
Switch = Parameter(negative="", show_default=False)
