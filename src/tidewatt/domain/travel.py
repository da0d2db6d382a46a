"""Travel in steps: roads, charging sites, aggregators and the trips of their vehicles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tidewatt.domain.arrays import Array, FrozenArrays

__all__ = ["Aggregators", "ChargingSites", "StepRoads", "Travel"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepRoads(FrozenArrays):
    """Roads whose travel times are whole steps.

    Attributes
    ----------
    node_id : array of int64 or str, shape (nodes,)
    link_id : array of int64 or str, shape (links,)
    tail, head : array of int32, shape (links,)
        Node where each link starts and ends.
    capacity_per_step : array, shape (links,)
        Most vehicles that leave the link in a step, > 0; inf: no limit.
    free_flow_steps : array of int64, shape (links,)
        Travel time, >= 1.
    energy_kwh : array, shape (links,)
        Of one vehicle for one traversal, >= 0.
    """

    KINDS: ClassVar[Mapping[str, type]] = {"tail": np.int32, "head": np.int32, "free_flow_steps": np.int64}
    node_id: Array
    link_id: Array
    tail: Array
    head: Array
    capacity_per_step: Array
    free_flow_steps: Array
    energy_kwh: Array

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_id)

    @property
    def links(self) -> int:
        """Number of links."""
        return len(self.link_id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChargingSites(FrozenArrays):
    """Places where vehicles charge or discharge, each at a road node and a bus.

    Attributes
    ----------
    site_id : array of int64 or str, shape (sites,)
    node, bus : array of int32, shape (sites,)
    chargers : array of int64, shape (sites,)
    level_first : array of int64, shape (sites + 1,)
        CSR offsets of levels by site.
    level_id : array of int64 or str, shape (levels,)
    level_kw : array, shape (levels,)
        Power of one charger on the grid's side; negative: the vehicle discharges.
    price_per_kwh : array, shape (sites, steps)
        Of energy, before any tariff.
    """

    KINDS: ClassVar[Mapping[str, type]] = {
        "node": np.int32,
        "bus": np.int32,
        "chargers": np.int64,
        "level_first": np.int64,
    }
    site_id: Array
    node: Array
    bus: Array
    chargers: Array
    level_first: Array
    level_id: Array
    level_kw: Array
    price_per_kwh: Array

    def __len__(self) -> int:
        return len(self.site_id)

    def power_range_kw(self) -> tuple[Array, Array]:
        """Return each site's least and most power with all chargers in use, including 0; shape (sites,)."""
        site = np.repeat(np.arange(len(self)), np.diff(self.level_first))
        least, most = np.zeros((2, len(self)))
        np.minimum.at(least, site, self.level_kw)
        np.maximum.at(most, site, self.level_kw)
        return least * self.chargers, most * self.chargers


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Aggregators(FrozenArrays):
    """Aggregators, which buy energy for vehicles; all of shape (aggregators,).

    Attributes
    ----------
    aggregator_id : array of int64 or str
    battery_kwh : array
        Of each of its vehicles, > 0.
    charge_efficiency, discharge_efficiency : array
        In (0, 1]; losses apply in either direction.
    soc_min, soc_max : array
        Fractions of the battery.
    time_value_per_h : array
        Cost of a vehicle-hour between departure and arrival, >= 0.
    price_sensitivity_per_kwh_kw : array
        By how much a kW that the aggregator draws at a site raises its own price per kWh, > 0.
    """

    aggregator_id: Array
    battery_kwh: Array
    charge_efficiency: Array
    discharge_efficiency: Array
    soc_min: Array
    soc_max: Array
    time_value_per_h: Array
    price_sensitivity_per_kwh_kw: Array

    def __len__(self) -> int:
        return len(self.aggregator_id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Travel(FrozenArrays):
    """Groups of vehicles that depart together; all of shape (groups,).

    Attributes
    ----------
    aggregator : array of int32
    origin, destination : array of int32
        Nodes, not the same one.
    depart_step : array of int64
    soc_initial, soc_final_min : array
        State of charge at departure, and the least on arrival.
    vehicles : array
        > 0, not necessarily whole.
    """

    KINDS: ClassVar[Mapping[str, type]] = {
        "aggregator": np.int32,
        "origin": np.int32,
        "destination": np.int32,
        "depart_step": np.int64,
    }
    aggregator: Array
    origin: Array
    destination: Array
    depart_step: Array
    soc_initial: Array
    soc_final_min: Array
    vehicles: Array

    def __len__(self) -> int:
        return len(self.vehicles)
