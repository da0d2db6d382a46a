"""The price of energy over a made-up day."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = ["day_price_per_kwh"]


def day_price_per_kwh(hour: Array) -> Array:
    """Price by hour of the day, of any shape: dearer at noon and in the evening; chosen, from no market."""
    price: Array = 0.08 + 0.05 * np.exp(-(((hour - 12) / 3) ** 2)) + 0.04 * np.exp(-(((hour - 19) / 2) ** 2))
    return price
