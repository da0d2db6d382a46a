"""Options of `assign`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from tidewatt.options.declaration import Option, OptionSet, Threads, TimeLimit

__all__ = ["ASSIGNMENT", "AssignmentOptions"]


class AssignmentOptions(TypedDict, total=False):
    """How far `assign` is to go, and which period's trips it takes."""

    relative_gap: Annotated[
        float,
        Option(
            1e-6,
            "Stop when what all drivers together could save on the cheapest paths is at most this fraction "
            "of their cost.",
            least=0,
            most=1,
            source="sim-14",
        ),
    ]
    method: Annotated[
        Literal["gradient-projection", "biconjugate-frank-wolfe"],
        Option(
            "gradient-projection",
            "`gradient-projection` (over paths, exact to rounding) or `biconjugate-frank-wolfe` (over links, "
            "little memory, slow below a gap of 1e-4).",
        ),
    ]
    time_limit_s: TimeLimit
    max_iterations: Annotated[
        int, Option(10_000, "Stop after so many rounds of shortest paths.", least=1, most=10**9)
    ]
    start_min: Annotated[
        float | None,
        Option(
            None,
            "Take the trips whose window starts at this minute of the day, on the capacity of that window.",
            least=0,
            unit="min",
            default_words="the trips without a window, on the capacity of the roads' period; if all have "
            "the same window, that window",
        ),
    ]
    threads: Threads


ASSIGNMENT = OptionSet("assign", AssignmentOptions)
