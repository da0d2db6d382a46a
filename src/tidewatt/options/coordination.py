"""Options of `coordinate`."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypedDict

from tidewatt.options.declaration import Option, OptionSet, Seed, Threads

__all__ = ["COORDINATION", "CoordinationOptions"]


class CoordinationOptions(TypedDict, total=False):
    """How far `coordinate` is to go, and how it gets there."""

    relative_gap: Annotated[
        float,
        Option(
            1e-3,
            "Stop when the upgrade cost less the proved bound is at most this fraction of the upgrade cost.",
            least=0,
            most=1,
            source="1e-3 is far below the accuracy of any input",
        ),
    ]
    absolute_gap: Annotated[
        float,
        Option(
            1e-6,
            "Stop when the gap is at most this fraction of "
            "the unmanaged upgrade cost, so that an optimum of zero "
            "also stops.",
            least=0,
            most=1,
        ),
    ]
    solver: Annotated[
        Literal["newton", "admm"],
        Option(
            "newton",
            "`newton` (proximal point with a semismooth Newton dual, few passes) or `admm` (decentralised "
            "sharing).",
        ),
    ]
    time_limit_s: Annotated[
        float,
        Option(math.inf, "Stop each rung after so many seconds.", least=0, unit="s", infinite="no limit"),
    ]
    max_passes: Annotated[
        int, Option(5000, "Stop each rung after so many passes over the vehicles.", least=1, most=10**9)
    ]
    session: Annotated[bool, Option(True, "Solve the session-flexible rung too.")]
    shards: Annotated[
        int,
        Option(
            0,
            "Number of shards of vehicles. It changes results only by rounding.",
            least=0,
            most=10**6,
            default_words="0: chosen by the size of the problem",
        ),
    ]
    threads: Threads
    seed: Seed


COORDINATION = OptionSet("coordination", CoordinationOptions)
