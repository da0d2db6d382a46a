"""Small rows of lines and voltages, injections and what they do to them, drawn by seed."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, Injections
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = ["errors_as_forecasts", "injections_of", "rows_of", "some_influence"]

INJECTIONS, STEPS = 5, 3


def some_influence(seed: int) -> Influence:
    """Two lines and two voltages; every line is moved by some of five injections."""
    rng = np.random.default_rng(seed)
    active = np.zeros((4, INJECTIONS))
    active[:2] = rng.choice([-1.0, 0.0, 1.0], (2, INJECTIONS))
    active[0, :2] = 1.0, -1.0
    active[2:] = -1e-4 * rng.uniform(0.2, 1.0, (2, INJECTIONS))
    reactive = np.zeros_like(active)
    reactive[2:] = -1e-4 * rng.uniform(0.2, 1.0, (2, INJECTIONS))
    return Influence(active, reactive, rng.uniform(-0.4, 0.6, (INJECTIONS, STEPS)))


def injections_of(seed: int) -> Injections:
    """Five injections, one of which is certain in one step."""
    rng = np.random.default_rng(100 + seed)
    power = rng.uniform(20, 100, (INJECTIONS, STEPS))
    width = power * rng.uniform(0.05, 0.3, (INJECTIONS, 1))
    width[3, 1] = 0.0
    return Injections(
        injection_id=np.arange(INJECTIONS),
        bus=np.ones(INJECTIONS),
        kind=[0, 2, 0, 1, 0],
        power_kw=power,
        reactive_kvar=0.2 * power,
        half_width_kw=width,
        gamma=np.full(INJECTIONS, np.nan),
    )


def rows_of(influence: Influence, limit_kw: float = 300.0) -> GridRows:
    """The rows that `influence` speaks of: lines, then voltages with a lower limit only."""
    shape = (len(influence.active), influence.ratio.shape[1])
    kind = np.array([0] * (shape[0] - 2) + [1, 1], np.int8)
    line = (kind == 0)[:, None]
    return GridRows(
        kind=kind,
        element=np.arange(shape[0], dtype=np.int32),
        sensitivity=np.where(line, 1.0, -1e-4) * np.ones((1, 2)),
        nominal=np.where(line, 100.0, 1.0) * np.ones(shape),
        low=np.where(line, -limit_kw, 0.9) * np.ones(shape),
        high=np.where(line, limit_kw, np.inf) * np.ones(shape),
        margin_low=np.zeros(shape),
        margin_high=np.zeros(shape),
    )


def errors_as_forecasts(errors: Array) -> Forecasts:
    """Past days whose outcomes are off by `errors`, shape (days, injections, steps)."""
    forecast = np.full(errors.shape, 50.0)
    return Forecasts(np.arange(len(errors)), forecast, forecast + errors)
