"""Base load over the steps of a horizon, from hourly shapes."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.horizon import Horizon
from tidewatt.synthesis.statistics import DAY_SHAPES

__all__ = ["default_shape", "over_steps", "planning_week"]


def planning_week(year: int, step_min: float = 15.0) -> Horizon:
    """Return a week from the second Monday or so of January (the first on or after the 8th) of `year`.

    The date sets weekdays, not the season: base load is that of the peak month by default.
    """
    start = datetime(year, 1, 8)
    start += timedelta(days=-start.weekday() % 7)
    return Horizon(start, step_min, round(7 * 1440 / step_min))


def default_shape(residential_load_share: float) -> Array:
    """Return relative load by weekday or weekend and hour, peak 1; shape (2, 24).

    A mixture of the embedded residential and commercial class-load shapes, for feeders whose own
    shape is not known.
    """
    shape = residential_load_share * DAY_SHAPES[0] + (1.0 - residential_load_share) * DAY_SHAPES[1]
    peak: Array = shape / shape.max()
    return peak


def over_steps(weekday: Array, weekend: Array, horizon: Horizon) -> Array:
    """Return the mean of hourly values over each step of the horizon.

    Parameters
    ----------
    weekday, weekend : array, shape (..., 24)
        Values by hour of the day, constant within the hour.
    horizon : Horizon
        Time axis; a step may be part of an hour or span several.

    Returns
    -------
    array, shape (..., steps)
    """
    start = horizon.start
    into_day = 60.0 * start.hour + start.minute + start.second / 60.0
    days = int((into_day + horizon.minutes) // 1440.0) + 1
    is_weekend = [(start.weekday() + k) % 7 >= 5 for k in range(days)]
    hourly = np.concatenate([weekend if w else weekday for w in is_weekend], axis=-1)
    total = np.concatenate([np.zeros((*hourly.shape[:-1], 1)), np.cumsum(hourly, axis=-1)], axis=-1)
    edge = (into_day + horizon.step_min * np.arange(horizon.steps + 1)) / 60.0
    whole = np.minimum(edge.astype(np.int64), hourly.shape[-1] - 1)
    energy = total[..., whole] + (edge - whole) * hourly[..., whole]
    mean: Array = np.diff(energy, axis=-1) / horizon.step_h
    return mean
