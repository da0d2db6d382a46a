"""When every charging opportunity draws how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array, freeze

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Power of charging opportunities (dwells with a charger) over the steps they touch.

    Opportunities stand in the order of the scenario's dwells. Steps of opportunity q:
    ``first_step[q] + 0, 1, ...``; their powers: ``power_kw[first[q]:first[q + 1]]``.

    Attributes
    ----------
    dwell : array of int64, shape (opportunities,)
        Row of the scenario's dwells.
    first_step : array of int32, shape (opportunities,)
        First step that the dwell touches.
    first : array of int64, shape (opportunities + 1,)
        CSR offsets into `power_kw`.
    power_kw : array, shape (variables,)
        Grid-side power averaged over the step [kW], >= 0.
    """

    dwell: Array
    first_step: Array
    first: Array
    power_kw: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "dwell", freeze(self.dwell, np.int64))
        object.__setattr__(self, "first_step", freeze(self.first_step, np.int32))
        object.__setattr__(self, "first", freeze(self.first, np.int64))
        object.__setattr__(self, "power_kw", freeze(self.power_kw, self.power_kw.dtype))
