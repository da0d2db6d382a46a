"""From solved problems to labelled tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.central import Case
from tidewatt.tariffs.prices import Prices
from tidewatt.tariffs.problem import Problem, Progressed, Solution

__all__ = [
    "aggregator_table",
    "dataset",
    "history_table",
    "line_table",
    "site_table",
    "tariff_table",
    "toll_table",
    "voltage_table",
]


def _over(name: str, ids: Array, steps: int) -> dict[str, Array]:
    """Columns of ids and steps, steps innermost."""
    return {name: np.repeat(ids, steps), "step": np.tile(np.arange(steps), len(ids))}


def tariff_table(case: Case, prices: Prices | None, interval: tuple[Array, Array] | None) -> pd.DataFrame:
    """A row a site and step; no rows where nothing is published."""
    steps, ids = case.scenario.horizon.steps, case.sites.site_id
    shape = (len(ids), steps)
    low, high = interval if interval is not None else (np.full(shape, np.nan),) * 2
    columns: dict[str, Array] = _over("site_id", ids, steps)
    given = prices is not None
    none = np.zeros(shape)
    for name, values in {
        "tariff_per_kwh": prices.tariff if prices else none,
        "line_part_per_kwh": prices.line_part if prices else none,
        "voltage_part_per_kwh": prices.voltage_part if prices else none,
        "charger_price": prices.charger_price if prices else none,
        "interval_low": low,
        "interval_high": high,
    }.items():
        columns[name] = values.ravel()
    return _rows(columns, given)


def toll_table(case: Case, prices: Prices | None) -> pd.DataFrame:
    """A row a link and step with a toll."""
    toll = prices.toll if prices is not None else np.zeros((case.roads.links, case.scenario.horizon.steps))
    link, step = np.nonzero(toll > 0)
    return pd.DataFrame(
        {"link_id": case.roads.link_id[link], "step": step, "toll_per_vehicle": toll[link, step]}
    )


def _grid(case: Case, kind: int, solution: Solution | None) -> tuple[Array, dict[str, Array]]:
    """Rows of one kind: their elements, and values over (rows, steps) with the plan's power."""
    rows = case.rows
    of = rows.kind == kind
    power = (
        np.zeros((len(case.sites), case.scenario.horizon.steps))
        if solution is None
        else solution.power_kw.sum(axis=0)
    )
    nominal = rows.nominal[of] + rows.sensitivity[of] @ power
    duals = {
        name: (case.over_all_rows(getattr(solution, name)) if solution else np.zeros_like(rows.nominal))[of]
        for name in ("dual_high", "dual_low")
    }
    values = {
        "low": rows.low[of],
        "high": rows.high[of],
        "nominal": nominal,
        "worst_high": nominal + rows.margin_high[of],
        "worst_low": nominal - rows.margin_low[of],
        **duals,
    }
    return rows.element[of], values


def line_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """A row a line and step: flow with vehicles at the forecast, and within the uncertainty set."""
    element, values = _grid(case, 0, solution)
    columns: dict[str, Array] = _over(
        "line_id", case.distribution.line_id[element], case.rows.nominal.shape[1]
    )
    columns |= {
        "limit_kw": values["high"].ravel(),
        **{f"{name}_kw": values[name].ravel() for name in ("nominal", "worst_high", "worst_low")},
        **{name: values[name].ravel() for name in ("dual_high", "dual_low")},
    }
    return _rows(columns, solution is not None)


def voltage_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """A row a bus and step, the slack left out: magnitudes from the rows' squares."""
    element, values = _grid(case, 1, solution)
    columns: dict[str, Array] = _over("bus_id", case.distribution.bus_id[element], case.rows.nominal.shape[1])
    named = {
        "voltage_min_pu": "low",
        "voltage_max_pu": "high",
        "nominal_pu": "nominal",
        "worst_high_pu": "worst_high",
        "worst_low_pu": "worst_low",
    }
    columns |= {name: np.sqrt(np.clip(values[source], 0.0, None)).ravel() for name, source in named.items()}
    columns |= {name: values[name].ravel() for name in ("dual_high", "dual_low")}
    return _rows(columns, solution is not None)


def aggregator_table(
    case: Case, prices: Prices | None, central: Array, own: Array, tariff_only: Array
) -> pd.DataFrame:
    """A row an aggregator, site and step; `cost` is what the central plan's energy costs at price and tariff.

    The price an aggregator pays rises with what it draws: ``dt (c + beta P + R) P`` (tariff-17).

    Parameters
    ----------
    central, own, tariff_only : array, shape (aggregators, sites, steps)
        Power by the central plan, under the published prices, and under the tariff alone [kW].
    """
    steps, sites = case.scenario.horizon.steps, len(case.sites)
    aggregators = case.aggregators
    columns: dict[str, Array] = {
        "aggregator_id": np.repeat(aggregators.aggregator_id, sites * steps),
        "site_id": np.tile(np.repeat(case.sites.site_id, steps), len(aggregators)),
        "step": np.tile(np.arange(steps), len(aggregators) * sites),
    }
    if prices is None:
        price = np.zeros_like(central)
    else:
        beta = aggregators.price_sensitivity_per_kwh_kw[:, None, None]
        price = case.sites.price_per_kwh + beta * central + prices.tariff
    cost = case.scenario.horizon.step_h * price * central
    columns |= {
        "central_kw": central.ravel(),
        "own_kw": own.ravel(),
        "own_tariff_only_kw": tariff_only.ravel(),
        "cost": cost.ravel(),
    }
    return _rows(columns, prices is not None)


def site_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """A row a site and step: vehicles that arrive, wait and charge."""
    steps = case.scenario.horizon.steps
    columns: dict[str, Array] = _over("site_id", case.sites.site_id, steps)
    names = ("entering", "bypassing", "queue", "charging", "discharging", "soc_mean")
    traffic = solution.traffic if solution is not None else None
    for name in names:
        columns[name] = np.zeros(len(columns["step"])) if traffic is None else getattr(traffic, name).ravel()
    return _rows(columns, traffic is not None)


def dataset(case: Case, problem: Problem, solution: Solution | None) -> xr.Dataset:
    """Flows on links, and the arcs that vehicles use."""
    times = case.scenario.horizon.times()
    coordinates: dict[str, Any] = {
        "link": ("link", case.roads.link_id, {"long_name": "link_id"}),
        "step": ("step", np.arange(problem.steps), {"long_name": "step of the horizon"}),
        "time": ("step", times, {"long_name": "start of the step, local time"}),
    }
    traffic = solution.traffic if solution is not None else None
    none = np.full((case.roads.links, problem.steps), np.nan)
    vehicles = {"units": "vehicles"}
    variables: dict[str, Any] = {
        "link_flow": (
            ("link", "step"),
            none if traffic is None else traffic.link_flow,
            {**vehicles, "long_name": "vehicles that leave the link in the step"},
        ),
        "link_queue": (
            ("link", "step"),
            none if traffic is None else traffic.link_queue,
            {**vehicles, "long_name": "vehicles that wait at the link's end"},
        ),
    }
    if solution is not None and traffic is not None:
        # Also those that are not published, as they ration what one aggregator alone uses: the bound rests
        # on them.
        coordinates["site"] = ("site", case.sites.site_id, {"long_name": "site_id"})
        per_vehicle = {"units": "cost per vehicle", "long_name": "dual of the link's capacity"}
        per_charger = {"units": "cost per charger and step", "long_name": "dual of the number of chargers"}
        variables["road_dual"] = (("link", "step"), solution.toll, per_vehicle)
        variables["charger_dual"] = (("site", "step"), solution.charger_price, per_charger)
        variables |= {name: (("arc",), values) for name, values in traffic.arcs.items()}
    return xr.Dataset(variables, coordinates)


def history_table(reports: list[Progressed]) -> pd.DataFrame:
    """A row a program solved."""
    names = Progressed.__slots__
    columns = {name: [getattr(report, name) for report in reports] for name in names}
    return pd.DataFrame(columns).astype({"iteration": "int64", "columns": "int64"})


def _rows(columns: dict[str, Array], given: bool) -> pd.DataFrame:
    """A table; without rows, yet with columns of the same types, where nothing is to be said."""
    table = pd.DataFrame(columns)
    return table if given else table.iloc[:0].copy()
