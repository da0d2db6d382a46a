"""Who charges on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewatt.domain.arrays import Array

__all__ = ["ChargingDecision", "Threshold"]


class ChargingDecision(Protocol):
    """What a model of the decision to charge has to offer."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Whether each driver looks for a station now.

        Parameters
        ----------
        soc : array, shape (drivers,)
            State of charge now, 0..1.
        soc_at_destination : array, shape (drivers,)
            What it would be at the destination; negative where it does not suffice.
        threshold_soc : array, shape (drivers,)
            Each driver's own threshold.

        Returns
        -------
        array of bool, shape (drivers,)
        """


@dataclass(frozen=True, slots=True)
class Threshold:
    """Charge where the battery would be below the driver's own threshold at the destination (sim-5)."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Whether it would be below the threshold; a charge that does not suffice is below any."""
        below: Array = soc_at_destination < threshold_soc
        return below
