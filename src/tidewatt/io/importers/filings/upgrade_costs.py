"""What a kW of upgrade costs."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.synthesis.statistics import UPGRADE_COST_PER_KW

__all__ = ["check_upgrade_cost", "cost_sentences", "upgrade_cost"]

_UPGRADE_SHARE = 0.15


def check_upgrade_cost(value: float | str, *, ddor: bool = True) -> list[Issue]:
    """Return what is wrong with the option, if anything; `ddor` says if there are ratings to apply it to."""
    if (ddor and value == "ddor") or (not isinstance(value, str) and 0 < value < np.inf):
        return []
    fix = "Give a cost above 0, or ddor" if ddor else "Give a cost above 0"
    return [Issue("options", "upgrade_cost_per_kw", f"{value!r} given", fix)]


def cost_sentences(value: float | str) -> tuple[str, ...]:
    """Return what a report says about the default cost of 1."""
    return ("the upgrade cost is 1 per kW, so costs read as kW",) if value == 1.0 else ()


def upgrade_cost(rating_kw: Array, value: float | str) -> Array:
    """Return cost per kW of overload of each facility, shape (facilities,).

    A number is taken for all. ``"ddor"`` [$/kW]: the unit cost of an upgrade by 15 % of the rating,
    from PG&E's Distribution Deferral Opportunity Report 2023 (about 3,700 for 1-2 MW, about 470 above
    8 MW, interpolated in the logarithm). Real cost falls with size, which is not convex; a constant per
    facility at its typical size keeps the problem a linear program.
    """
    if not isinstance(value, str):
        return np.full(len(rating_kw), float(value))
    size, cost = UPGRADE_COST_PER_KW
    interpolated: Array = np.exp(np.interp(_UPGRADE_SHARE * rating_kw, size, np.log(cost)))
    return interpolated
