"""Small networks in the forms that importers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tidewatt.domain.radial import feeder_of
from tidewatt.domain.scenario import Scenario

GRIDS = Path(__file__).parents[4] / "shared" / "data" / "grids"

# Figures per unit on 10 MVA but for loads in kW; a tie that is out of service, a tap, a shunt.
CASE = """function mpc = made
%MADE  A case; mpc.baseMVA = 3 in a comment does not count
mpc.version = '2';
mpc.baseMVA = 10;
%\tbus_i\ttype\tPd\tQd\tGs\tBs\tarea\tVm\tVa\tbaseKV\tzone\tVmax\tVmin
mpc.bus = [ %% loads in kW
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t20\t1\t1.02\t1.02;
\t2\t1\t100\t60\t0\t0\t1\t1\t0\t20\t1\t1.1\t0.9
\t5\t1\t-90\t-40\t0\t0\t1\t1\t0\t20\t1\t1.1\t0.95; 7 1 200 50 0 0.5 1 1 0 2*5 1 1.1 0.9
];
mpc.gen = [
\t1\t0\t0\t10\t-10\t1.02\t100\t1\t10\t0;
\t7\t0.3\t0.1\t10\t-10\t1\t100\t1\t10\t0;
];
mpc.branch = [
\t1\t2\t0.01\t0.02\t0\t5\t0\t0\t0\t0\t1\t-360\t360;
\t2\t5\t0.02\t0.04\t0.06\t0\t0\t0\t0\t0\t1\t-360\t360;
\t5\t7\t0.03\t0.05\t0\t0\t0\t ...
\t\t0\t1.05\t30\t1\t-360\t360;
\t1\t7\t0.03\t0.05\t0\t0\t0\t0\t0\t0\t0\t-360\t360;
];
mpc.gencost = [ 2 0 0 3 0 20 0; 2 0 0 3 0 20 0 ];
mpc.bus_name = { 'a; b'; 'c'; 'd'; 'e' };
"""
CONVERSION = """
%% convert loads from kW to MW
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""


def ac_voltage_pu(scenario: Scenario, step: int = 0) -> np.ndarray:
    """Voltages of the AC flow in a step, by bus."""
    pytest.importorskip("power_grid_model", reason="AC flow needs the extra ac")
    from tidewatt.tariffs.ac import ac_flow

    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    drawn = np.zeros((2, network.buses, 1))
    for each, values in zip(drawn, (injections.power_kw, injections.reactive_kvar), strict=True):
        np.add.at(each[:, 0], injections.bus, injections.sign * values[:, step])
    return ac_flow(feeder_of(network), drawn[0], drawn[1]).voltage_pu[:, 0]


def squared_pu(scenario: Scenario, step: int = 0) -> np.ndarray:
    """Voltages squared of the linear model in a step, by bus."""
    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    drawn = np.zeros((2, network.buses))
    for each, values in zip(drawn, (injections.power_kw, injections.reactive_kvar), strict=True):
        np.add.at(each, injections.bus, injections.sign * values[:, step])
    return feeder_of(network).squared_pu(drawn[0], drawn[1])
