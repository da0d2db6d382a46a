"""Kernels of movement."""

import numpy as np
import pytest

from tidewatt.kernels.roads.movement import tally


@pytest.mark.parametrize("vehicles", [0, 1, 7, 1003])
def test_tally_counts_every_vehicle_once(vehicles):
    """The check that vehicles are conserved rests on it: one missed or counted twice would hide a loss."""
    state = np.random.default_rng(vehicles).integers(0, 5, vehicles).astype(np.int8)
    out = np.full(5, 2, np.int64)  # it adds to what is there
    tally(state, out)
    assert out.tolist() == (2 + np.bincount(state, minlength=5)).tolist()
