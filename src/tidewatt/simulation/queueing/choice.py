"""How drivers choose a station: three built-in rules and the interface for custom ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.options.simulation import SimulationOptions

__all__ = ["GeneralisedCost", "Logit", "RandomRegret", "StationChoice", "choice_of"]


@runtime_checkable
class StationChoice(Protocol):
    """A rule of choice: what each alternative costs one driver, in any unit; the cheapest is chosen.

    An object with an attribute ``gumbel = True`` gets tastes from Gumbel's distribution, others from the
    normal one.
    """

    def costs(
        self, detour_min: Array, wait_min: Array, charge_min: Array, payment: Array, taste: Array
    ) -> Array:
        """Return the costs of the alternatives.

        Parameters
        ----------
        detour_min, wait_min, charge_min : array, shape (alternatives,)
            Driving added, expected wait (by what drivers know) and charging time [min], at the kind of
            charger that is cheaper for the driver (sim-6).
        payment : array, shape (alternatives,)
            Money for the energy.
        taste : array, shape (alternatives,)
            Random part, fixed for a vehicle and station [min].
        """
        ...


@dataclass(frozen=True, slots=True)
class GeneralisedCost:
    """Time at its value, plus payment (sim-6).

    Attributes
    ----------
    value_of_time_per_h : float
        In the scenario's money.
    """

    value_of_time_per_h: float

    def costs(
        self, detour_min: Array, wait_min: Array, charge_min: Array, payment: Array, taste: Array
    ) -> Array:
        """Return generalised costs [money]."""
        per_min = per_minute(self.value_of_time_per_h)
        # In the kernel's own order of operations: the last digit decides between equal stations.
        return per_min * ((detour_min + taste) + charge_min) + payment + per_min * wait_min


@dataclass(frozen=True, slots=True)
class Logit(GeneralisedCost):
    """Generalised cost with a Gumbel error: multinomial logit (sim-7), one draw per driver and station."""

    @property
    def gumbel(self) -> bool:
        """Whether tastes are drawn from a Gumbel distribution."""
        return True


@dataclass(frozen=True, slots=True)
class RandomRegret:
    """Random regret minimisation (sim-8) over detour, wait, charging time and payment.

    Chorus, A new model of random regret minimization, EJTIR 10(2), 2010.

    Attributes
    ----------
    value_of_time_per_h : float
        Turns payment into minutes; > 0.
    regret_scale : float
        Weight of a difference [1/min].
    """

    value_of_time_per_h: float
    regret_scale: float

    def costs(
        self, detour_min: Array, wait_min: Array, charge_min: Array, payment: Array, taste: Array
    ) -> Array:
        """Return each alternative's regret against all others."""
        minutes = np.array([detour_min, wait_min, charge_min, payment / per_minute(self.value_of_time_per_h)])
        worse = self.regret_scale * (minutes[:, :, None] - minutes[:, None, :])
        regret = np.logaddexp(0.0, worse)
        regret[:, np.arange(len(taste)), np.arange(len(taste))] = 0.0
        return np.asarray(regret.sum(axis=(0, 2)) + self.regret_scale * taste)


def per_minute(value_of_time_per_h: float) -> float:
    """Return the value of time [money/min]; never quite 0, so that an endless wait costs more than none."""
    return max(value_of_time_per_h / 60.0, 1e-300)


def choice_of(parameters: SimulationOptions) -> GeneralisedCost | RandomRegret:
    """Return the built-in rule that parameters ask for."""
    if parameters["choice"] == "regret":
        if parameters["value_of_time_per_h"] <= 0.0:
            raise ValueError("choice = regret weighs payment in minutes: give value_of_time_per_h above 0")
        return RandomRegret(parameters["value_of_time_per_h"], parameters["regret_scale"])
    kind = Logit if parameters["choice"] == "logit" else GeneralisedCost
    return kind(parameters["value_of_time_per_h"])
