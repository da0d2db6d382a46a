"""Whether a result folder already holds what is asked for, so that `--resume` keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.result import Certificate

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.options.coordination import CoordinationOptions

__all__ = ["REACHED", "finished"]

REACHED = ("CERTIFIED", "EXACT")
"""Statuses of a rung that proved the gap asked for, as files name them."""


def finished(folder: Path, scenario: Scenario, goal: CoordinationOptions) -> dict[str, Any] | None:
    """The summary of a run done before, where it is of the same scenario and meets what is asked now."""
    try:
        figures = json.loads((folder / "summary.json").read_text("utf-8"))
        whole = (folder / "certificate.json").is_file()
        same = figures["scenario_sha256"] == scenario.sha256()
        return figures if whole and same and _meets(figures, goal) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _meets(figures: dict[str, Any], goal: CoordinationOptions) -> bool:
    """Whether every rung asked for is there and its gap is no wider than asked."""
    unmanaged = figures["unmanaged_upgrade_cost"]
    gaps = [Certificate(figures["coordinated_upgrade_cost"], figures["lower_bound_cost"])]
    if goal["session"]:
        gaps.append(Certificate(figures["session_upgrade_cost"], figures["session_lower_bound_cost"]))
    # Rounding of the schedule handed out may widen a gap by a hair after it was reached.
    hair = 1 + 1e-6
    return figures["status"] in REACHED and all(
        gap.relative_gap(unmanaged) <= goal["relative_gap"] * hair
        or gap.absolute_gap <= goal["absolute_gap"] * unmanaged * hair
        for gap in gaps
    )
