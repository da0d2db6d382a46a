"""The time axis that every table of a scenario shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = ["Horizon"]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Start, step length and number of steps.

    Attributes
    ----------
    start : datetime
        Local time of minute 0, without a time zone.
    step_min : float
        Length of a step [min], > 0.
    steps : int
        Number of steps, > 0.
    """

    start: datetime
    step_min: float
    steps: int

    @property
    def minutes(self) -> float:
        """Length of the horizon [min]."""
        return self.step_min * self.steps

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.step_min / 60.0

    def times(self) -> Array:
        """Return the start of every step, ``datetime64[ms]`` of shape (steps,)."""
        offset = np.round(np.arange(self.steps) * self.step_min * 60_000.0).astype("timedelta64[ms]")
        return np.datetime64(self.start, "ms") + offset

    def at(self, minute: float) -> datetime:
        """Return the local time of a minute since the start."""
        return self.start + timedelta(minutes=minute)

    def named(self, step: int) -> str:
        """Return a step by number and local time, for messages; with the date only if there are several."""
        form = "%H:%M" if self.minutes <= 1440.0 else "%Y-%m-%d %H:%M"
        return f"step {step} ({self.at(step * self.step_min):{form}})"
