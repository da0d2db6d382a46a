"""Figures for roads whose source does not give them; every use is reported.

Capacities are round figures of the order that planning manuals give for uninterrupted and interrupted flow;
none is taken from one of them.
"""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import ROAD_CLASSES

__all__ = ["LANE_VEH_H", "lane_capacity"]

LANE_VEH_H = {"expressway": 1900.0, "arterial": 900.0, "branch": 600.0, "connector": 2000.0}
"""Vehicles per hour and lane by class of road."""


def lane_capacity(road_class: Array) -> Array:
    """Capacity of one lane [veh/h] by class, shape (links,)."""
    return np.array([LANE_VEH_H[name] for name in ROAD_CLASSES])[road_class]
