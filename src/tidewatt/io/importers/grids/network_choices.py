"""What network files do not say: the time axis, daily shapes, uncertainty, limits of lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import Issue
from tidewatt.io.importers.base_load import default_shape, over_steps

__all__ = ["NetworkChoices"]

_START: Final = datetime(2027, 1, 11)
"""A Monday."""
_LOAD_SHAPES = ("flat", "residential")
_PLANT_SHAPES = ("flat", "clear-sky")
_PLANTS = ("solar", "wind")
_SUNRISE_H, _DAYLIGHT_H, _PEAKEDNESS = 6.0, 12.0, 1.2


@dataclass(frozen=True, slots=True)
class NetworkChoices:
    """Choices for an import of buses and lines.

    Attributes
    ----------
    steps : int
    step_min : float
        Time axis, from a Monday at midnight.
    load_shape : {"flat", "residential"}
        Loads over the day: the file's figure in every step, or that as the peak of the embedded residential
        shape.
    solar_shape : {"flat", "clear-sky"}
        Solar plants over the day: the file's figure in every step, or that as the noon of
        sin(pi (h - 6) / 12)^1.2 from 6 to 18 h.
    plants : {"solar", "wind"}
        Kind of plants that the file does not tell.
    half_width : float
        By which share of their power loads and plants may be off.
    limit_kw : float, optional
        Limit of lines whose file gives none; without it they have none.
    voltage_min_pu, voltage_max_pu : float, optional
        Limits at every bus but the slack; by default the file's, else 0.9 and 1.1.
    rating_factor : float
        By which ratings in kVA become limits in kW: a power factor, or above 1 for allowed overloads.
    """

    steps: int = 96
    step_min: float = 15.0
    load_shape: str = "flat"
    solar_shape: str = "flat"
    plants: str = "solar"
    half_width: float = 0.1
    limit_kw: float | None = None
    voltage_min_pu: float | None = None
    voltage_max_pu: float | None = None
    rating_factor: float = 1.0

    @property
    def horizon(self) -> Horizon:
        """The time axis."""
        return Horizon(_START, self.step_min, self.steps)

    def issues(self) -> list[Issue]:
        """Return what is wrong with the options."""
        found = []
        low, high = self.voltage_min_pu, self.voltage_max_pu
        for option, value, good, fix in (
            ("--steps", self.steps, 1 <= self.steps <= 100_000, "Give a whole number from 1 to 100,000"),
            ("--step-min", self.step_min, 0 < self.step_min <= 1440, "Give minutes above 0, at most 1440"),
            ("--half-width", self.half_width, 0 <= self.half_width < math.inf, "Give a share, 0 or more"),
            ("--limit-kw", self.limit_kw, self.limit_kw is None or self.limit_kw > 0, "Give kW above 0"),
            ("--voltage-min", low, low is None or 0 <= low < 2, "Give per unit, such as 0.95"),
            ("--voltage-max", high, high is None or (low or 0) < high, "Give per unit, above --voltage-min"),
            (
                "--rating-factor",
                self.rating_factor,
                0 < self.rating_factor <= 10,
                "Give a factor above 0, at most 10",
            ),
            _word("--load-shape", self.load_shape, _LOAD_SHAPES),
            _word("--solar-shape", self.solar_shape, _PLANT_SHAPES),
            _word("--plants", self.plants, _PLANTS),
        ):
            if not good:
                found.append(Issue(option, "", f"{value!r} given", fix))
        return found

    def shape(self, kind: str) -> Array:
        """Return the share of the file's figure by kind of injection (or ``constant``), shape (steps,)."""
        if kind == "load" and self.load_shape == "residential":
            weekday, weekend = default_shape(1.0)
            return over_steps(weekday, weekend, self.horizon)
        if kind == "solar" and self.solar_shape == "clear-sky":
            hours = (np.arange(self.steps) + 0.5) * self.step_min / 60.0 % 24.0
            sun = np.sin(np.pi * (hours - _SUNRISE_H) / _DAYLIGHT_H)
            share: Array = np.maximum(sun, 0.0) ** _PEAKEDNESS
            return share
        return np.ones(self.steps)

    def sentences(self, kinds: set[str]) -> list[str]:
        """Return the choices in words, for the report, as far as `kinds` of injections are present."""
        axis = f"{self.steps} steps of {self.step_min:g} min from a Monday at midnight (--steps, --step-min)"
        said = [axis]
        if "load" in kinds:
            flat = "the file's figures hold in every step"
            peak = "the file's figures are the peaks of the embedded residential day shape"
            said.append(f"loads: {flat if self.load_shape == 'flat' else peak} (--load-shape)")
        if "solar" in kinds:
            flat = "the file's figures hold in every step, also at night"
            noon = "the file's figures apply at noon of a clear day with 12 h of sun"
            said.append(f"solar plants: {flat if self.solar_shape == 'flat' else noon} (--solar-shape)")
        said.append(f"forecasts may be off by {100 * self.half_width:g} % of the power (--half-width)")
        return said


def _word(option: str, value: str, known: tuple[str, ...]) -> tuple[str, str, bool, str]:
    return option, value, value in known, f"Give {' or '.join(known)}"
