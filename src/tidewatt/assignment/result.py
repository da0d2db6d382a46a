"""The result of `assign`, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tidewatt.domain.scenario import Scenario
from tidewatt.result import Result, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Equilibrium"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Equilibrium(Result):
    """Link flows at which no driver would be faster, or cheaper off, on another path, up to a gap.

    Attributes
    ----------
    links : pandas.DataFrame
        A row a link: ``link_id``, ``flow_veh`` (vehicles in the period), ``travel_time_min`` (without toll
        and distance).
    history : pandas.DataFrame
        A row an iteration: ``iteration``, ``objective`` (sim-13, in the network's own unit of time),
        ``relative_gap`` (sim-14), ``seconds``.
    status : Status
        Whether the gap was reached.
    run : RunInfo
        Where it comes from.
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    scenario : Scenario, optional
        What was assigned. None in a loaded result.
    """

    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "relative_gap": ("relative gap", ""),
        "iterations": ("iterations", ""),
    }
    TABLES: ClassVar[tuple[str, ...]] = ("links", "history")

    links: pd.DataFrame
    history: pd.DataFrame
    status: Status
    run: RunInfo
    figures: Mapping[str, Any]
    scenario: Scenario | None = None
