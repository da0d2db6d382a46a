"""Which of past scores covers a share of fresh ones (tariff-16)."""

from __future__ import annotations

import math

__all__ = ["days_needed", "rank_of"]

_ROUNDING = 1e-9


def rank_of(days: int, coverage: float) -> int:
    """Rank from 1 of the past score that a fresh one exceeds with 1 - coverage: ceil((days + 1) coverage)."""
    return max(1, math.ceil((days + 1) * coverage - _ROUNDING))


def days_needed(coverage: float) -> int:
    """Fewest past days among which there is that rank."""
    days = max(1, math.floor(coverage / (1.0 - coverage)) - 1)
    while rank_of(days, coverage) > days:
        days += 1
    return days
