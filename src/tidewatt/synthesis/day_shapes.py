"""How trips and the price of energy spread over a made-up day."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.synthesis.diary import WORK, embedded_diary
from tidewatt.synthesis.habits import Habits

__all__ = [
    "busiest_share",
    "covered_share",
    "daily_trips",
    "day_price_per_kwh",
    "period_factor",
    "time_of_day",
]

DAY = 1440
SPREAD_MIN = 15.0
"""Standard deviation of the kernel that smooths departures [min]: about `Habits.departure_spread_min`."""


def time_of_day(*, weekday: bool = True) -> Array:
    """Return the share of the day's departures by minute, shape (1440,), sum 1.

    Counted from the chains that vehicles are given (`diary.embedded_diary`), with as many work days among
    them as `Habits` has; smoothed over a quarter of an hour.
    """
    rate = _departures(weekday)
    return freeze(rate / rate.sum())


def period_factor(period_h: float, *, weekday: bool = True) -> Array:
    """Return flow by minute over the mean flow of the demand's period (sim-16), shape (1440,).

    A period shorter than a day is the busiest one of a weekday: the largest mean over `period_h` hours is 1.
    One of 24 hours or more is the whole day: the mean is 1. A weekend day is as much quieter than a weekday
    as its vehicles make fewer trips.
    """
    whole = _departures(True)
    return freeze(_departures(weekday) / (whole.sum() * busiest_share(period_h)) * _minutes(period_h))


def busiest_share(period_h: float) -> float:
    """Return the largest share of a weekday's trips in any window of `period_h` hours, 0..1."""
    rate = time_of_day()
    n = _minutes(period_h)
    summed = np.cumsum(np.concatenate([[0.0], rate, rate]))
    return float((summed[n : n + DAY] - summed[:DAY]).max())


def covered_share(windows: Array) -> float:
    """Return the share of a weekday's trips in any of the `windows` [minutes of the day], (windows, 2)."""
    covered = np.zeros(DAY, bool)
    for start, end in windows:
        minutes = np.arange(np.floor(start), max(np.ceil(end), np.floor(start) + 1)).astype(np.int64)
        covered[minutes % DAY] = True
    return float(time_of_day()[covered].sum())


def daily_trips(trips_in_period: float, period_h: float) -> float:
    """Return the trips of a weekday from those of the demand's period (sim-16)."""
    return trips_in_period / busiest_share(period_h)


def _minutes(period_h: float) -> int:
    return int(np.clip(round(60.0 * period_h), 1, DAY))


@lru_cache(maxsize=2)
def _departures(weekday: bool) -> Array:
    """Return departures per vehicle and minute, shape (1440,)."""
    habits = Habits()
    diary = embedded_diary(part_time_share=habits.part_time_share)
    starts = np.flatnonzero(np.concatenate([[True], diary.person[1:] != diary.person[:-1]]))
    chain = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(diary))))
    works = (np.bincount(chain, diary.purpose == WORK) > 0)[chain]
    at_work = habits.commuters * sum(n * share for n, share in habits.workdays) / 5.0
    if weekday:
        classes = [
            (~diary.weekend & works, at_work),
            (~diary.weekend & ~works, (1.0 - at_work) * (1.0 - habits.still_weekday)),
        ]
    else:
        classes = [(diary.weekend, 1.0 - habits.still_weekend)]
    rate = np.zeros(DAY)
    for rows, share in classes:
        minute = diary.depart_min[rows].astype(np.int64) % DAY
        rate += share * np.bincount(minute, minlength=DAY) / len(np.unique(chain[rows]))
    # A circular convolution, so that midnight is no edge.
    offset = np.minimum(np.arange(DAY), DAY - np.arange(DAY))
    kernel = np.exp(-0.5 * (offset / SPREAD_MIN) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(rate) * np.fft.rfft(kernel / kernel.sum()), DAY)
    return freeze(np.maximum(smooth, 0.0))


def day_price_per_kwh(hour: Array) -> Array:
    """Return a made-up price by hour of the day, of any shape: dearer at noon and in the evening."""
    price: Array = 0.08 + 0.05 * np.exp(-(((hour - 12) / 3) ** 2)) + 0.04 * np.exp(-(((hour - 19) / 2) ** 2))
    return price
