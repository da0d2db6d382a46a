"""AC power flow of a plan by power-grid-model (extra ``ac``), to compare the linear rows with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.radial import Feeder
from tidewatt.domain.travel import ChargingSites
from tidewatt.errors import TidewattError, extra
from tidewatt.tariffs.feeder import drawn
from tidewatt.tariffs.problem import GridRows

__all__ = ["AcCheck", "ac_check", "ac_flow"]

_RATED_V = 10_000.0
"""Any voltage does: the network is handed over per unit, so that transformers are plain impedances."""
_STIFF_VA = 1e20
"""Short-circuit power of the source, so large that the slack's voltage stays fixed."""
_TOLERANCE_PU = 1e-10
_ALLOWED = 1e-6
"""Excess over a limit (relative for a flow, per unit for a voltage) that counts as rounding."""
_LINE, _SOURCE, _LOAD = 1_000_000, 2_000_000, 3_000_000


@dataclass(frozen=True, slots=True, eq=False)
class AcCheck:
    """AC flow of all steps; nan in steps without a solution.

    Attributes
    ----------
    voltage_pu : array, shape (buses, steps)
    flow_kw : array, shape (lines, steps)
        Active power from the slack, at the end towards it: losses of the line are in.
    losses_kw : array, shape (steps,)
    """

    voltage_pu: Array
    flow_kw: Array
    losses_kw: Array

    def errors(self, rows: GridRows, site_kw: Array) -> tuple[float, float]:
        """Return the largest error of the linear rows.

        Parameters
        ----------
        rows : GridRows
            Some or all of the network's.
        site_kw : array, shape (sites, steps)
            What was checked.

        Returns
        -------
        voltage_error_pu, flow_error_kw : float
            inf where a step has no AC flow, 0 without such rows.
        """
        linear = rows.nominal + rows.sensitivity @ site_kw
        line, bus = rows.kind == 0, rows.kind == 1
        voltage = np.sqrt(np.maximum(linear[bus], 0.0)) - self.voltage_pu[rows.element[bus]]
        return _largest(voltage), _largest(linear[line] - self.flow_kw[rows.element[line]])

    def exceeded(self, distribution: Distribution) -> tuple[Array, Array]:
        """Return positions of lines and buses whose limits (without margins) are exceeded in some step."""
        limit = distribution.limit_kw * (1.0 + _ALLOWED)
        flows = (np.abs(self.flow_kw) > limit[:, None]).any(axis=1)
        low, high = distribution.voltage_min_pu - _ALLOWED, distribution.voltage_max_pu + _ALLOWED
        volts = ((self.voltage_pu < low[:, None]) | (self.voltage_pu > high[:, None])).any(axis=1)
        return np.flatnonzero(flows), np.flatnonzero(volts & ~distribution.slack)


def _largest(error: Array) -> float:
    return float(np.nan_to_num(np.abs(error), nan=np.inf).max(initial=0.0))


def ac_check(feeder: Feeder, injections: Injections, sites: ChargingSites, site_kw: Array) -> AcCheck:
    """Compute the AC flow of the forecast with the sites' power.

    Parameters
    ----------
    feeder : Feeder
    injections : Injections
    sites : ChargingSites
    site_kw : array, shape (sites, steps)
        Over all aggregators, at unity power factor.

    Raises
    ------
    TidewattError
        The extra ``ac`` is not installed.
    """
    return ac_flow(feeder, *drawn(feeder, injections, sites, site_kw))


def ac_flow(feeder: Feeder, power_kw: Array, reactive_kvar: Array) -> AcCheck:
    """Compute the AC flow of what buses draw, all steps in one batch.

    Parameters
    ----------
    feeder : Feeder
    power_kw, reactive_kvar : array, shape (buses, steps)
        Consumption at any voltage.

    Raises
    ------
    TidewattError
        The extra ``ac`` is not installed.
    """
    try:
        import power_grid_model as pgm
    except ImportError:
        raise TidewattError(
            f"AC power flow needs power-grid-model: install tidewatt with its extra: {extra('ac')}"
        ) from None
    steps = power_kw.shape[1]
    changing = pgm.initialize_array("update", "sym_load", (steps, feeder.buses))
    changing["id"] = _LOAD + np.arange(feeder.buses)
    changing["p_specified"], changing["q_specified"] = 1e3 * power_kw.T, 1e3 * reactive_kvar.T
    wanted: Any = {"node": ["u_pu"], "line": ["p_from", "p_to"]}
    model: Any = pgm.PowerGridModel(_network(pgm, feeder))
    out: Any = model.calculate_power_flow(
        update_data={"sym_load": changing},
        error_tolerance=_TOLERANCE_PU,
        threading=-1,
        continue_on_batch_error=True,
        output_component_types=wanted,
    )
    voltage, sent = out["node"]["u_pu"].T, out["line"]["p_from"].T / 1e3
    losses = ((out["line"]["p_from"] + out["line"]["p_to"]) / 1e3).sum(axis=1)
    failed = np.zeros(steps, bool)
    if model.batch_error is not None:
        failed[model.batch_error.failed_scenarios] = True
    voltage, sent, losses = (np.where(failed, np.nan, part) for part in (voltage, sent, losses))
    return AcCheck(voltage, sent, losses)


def _network(pgm: Any, feeder: Feeder) -> dict[str, Any]:
    """Return buses, lines directed from the slack, the source, and a constant-power load at every bus."""
    buses, lines = np.arange(feeder.buses), np.arange(feeder.lines)
    ohm = _RATED_V**2 / 1e3  # of 1 per unit where the base is 1 kW
    node = pgm.initialize_array("input", "node", feeder.buses)
    node["id"], node["u_rated"] = buses, _RATED_V
    line = pgm.initialize_array("input", "line", feeder.lines)
    line["id"], line["from_node"], line["to_node"] = _LINE + lines, feeder.parent[feeder.child], feeder.child
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"], line["c1"], line["tan1"] = feeder.r_pu * ohm, feeder.x_pu * ohm, 0.0, 0.0
    source = pgm.initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"] = _SOURCE, feeder.root, 1
    source["u_ref"], source["sk"] = feeder.no_load_pu[feeder.root], _STIFF_VA
    load = pgm.initialize_array("input", "sym_load", feeder.buses)
    load["id"], load["node"], load["status"] = _LOAD + buses, buses, 1
    load["type"] = pgm.LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0.0
    return {"node": node, "line": line, "source": source, "sym_load": load}
