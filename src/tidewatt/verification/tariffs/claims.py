"""What the files of tariffs claim, laid out by place and step, read without any trust in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.claims import read_json
from tidewatt.verification.common.expected import columns_of, read_series, read_table
from tidewatt.verification.common.findings import CheckList

__all__ = ["Published", "read_published", "read_tables_of"]

_TABLES = {
    name: tuple(c for c in columns_of("tariffs", f"{name}.parquet") if not (c.endswith("_id") or c == "step"))
    for name in ("tariffs", "lines", "voltages", "aggregators", "sites")
}
_MAY_BE_NAN = ("interval_low", "interval_high", "soc_mean")
_MAY_BE_INFINITE = ("limit_kw", "voltage_max_pu", "interval_low", "interval_high")
_KIND = "tariffs"


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """The content of a `tariff` result folder.

    Attributes
    ----------
    summary : dict
    tables : dict of str to dict of str to array
        Of ``tariffs`` and ``sites`` arrays (sites, steps), of ``lines`` (lines, steps), of ``voltages``
        (buses but the slack, steps), of ``aggregators`` (aggregators, sites, steps), by column.
    toll : array, shape (links, steps)
    flows : Dataset
    history, outcomes : DataFrame
    gamma, diagnosis : DataFrame or None
    """

    summary: dict[str, Any]
    tables: dict[str, dict[str, Array]]
    toll: Array
    flows: xr.Dataset
    history: pd.DataFrame
    outcomes: pd.DataFrame
    gamma: pd.DataFrame | None
    diagnosis: pd.DataFrame | None


def read_tables_of(folder: Path) -> dict[str, pd.DataFrame]:
    """Return every Parquet table of the folder, by name."""
    return {name: read_table(folder, _KIND, f"{name}.parquet") for name in (*_TABLES, "tolls", "outcomes")}


def read_published(
    folder: Path, scenario: Scenario, listed: Sequence[str], ledger: CheckList
) -> Published | None:
    """Read all files; return None if their rows do not match the scenario."""
    s, steps = scenario, scenario.horizon.steps
    assert s.sites is not None
    assert s.distribution is not None
    assert s.aggregators is not None
    assert s.step_roads is not None
    bus = s.distribution.bus_id[~s.distribution.slack]
    places: dict[str, dict[str, Array]] = {
        "tariffs": {"site_id": s.sites.site_id},
        "lines": {"line_id": s.distribution.line_id},
        "voltages": {"bus_id": bus},
        "aggregators": {"aggregator_id": s.aggregators.aggregator_id, "site_id": s.sites.site_id},
        "sites": {"site_id": s.sites.site_id},
    }
    frames = read_tables_of(folder)
    tables = {}
    for name, ids in places.items():
        laid = _laid(ledger, name, frames[name], ids, steps)
        if laid is None:
            return None
        tables[name] = laid
    toll = np.zeros((s.step_roads.links, steps))
    tolls = frames["tolls"]
    link = _places(tolls["link_id"].tolist(), s.step_roads.link_id)
    step, price = (tolls[name].to_numpy() for name in ("step", "toll_per_vehicle"))
    good = (link >= 0) & (step >= 0) & (step < steps) & (price > 0) & np.isfinite(price)
    good &= ~tolls.duplicated(["link_id", "step"]).to_numpy()
    if not ledger.add("tolls: rows", bool(good.all()), f"{len(tolls):,} rows, {int((~good).sum()):,} wrong"):
        return None
    toll[link, step] = price
    flows = read_series(folder, _KIND, "flows.nc")
    same = [str(each) for each in flows["link"].to_numpy()] == [str(i) for i in s.step_roads.link_id]
    same &= flows["step"].to_numpy().tolist() == list(range(steps))
    if not ledger.add("flows: links and steps", same, f"{flows.sizes['link']:,} links, {steps:,} steps"):
        return None
    own = s.horizon.times().astype("datetime64[ms]")
    times = flows["time"].to_numpy().astype("datetime64[ms]")
    same = len(times) == steps and bool(np.all(np.abs(times - own) <= np.timedelta64(1, "ms")))
    if "arc" in flows.dims or "site" in flows.variables:
        sites = flows["site"].to_numpy().tolist() if "site" in flows.variables else []
        same &= [str(each) for each in sites] == [str(each) for each in s.sites.site_id]
    ledger.add("flows: times and sites", same, f"from {own[0]}, {len(s.sites):,} sites")
    more = {
        name: read_table(folder, _KIND, f"{name}.csv") if f"{name}.csv" in listed else None
        for name in ("gamma", "diagnosis")
    }
    return Published(
        read_json(folder / "summary.json"),
        tables,
        toll,
        flows,
        read_table(folder, _KIND, "history.csv"),
        frames["outcomes"],
        **more,
    )


def _places(cells: list[Any], ids: Array) -> Array:
    known = {str(each): i for i, each in enumerate(ids)}
    return np.array([known.get(str(cell), -1) for cell in cells], np.int64)


def _laid(
    ledger: CheckList, name: str, frame: pd.DataFrame, ids: dict[str, Array], steps: int
) -> dict[str, Array] | None:
    """Return columns as arrays by place and step, if rows are complete and in order."""
    shape = (*(len(each) for each in ids.values()), steps)
    rows = int(np.prod(shape))
    good = len(frame) == rows
    if good:
        at = np.unravel_index(np.arange(rows), shape)
        good = bool((frame["step"].to_numpy() == at[-1]).all())
        for which, (column, known) in enumerate(ids.items()):
            good &= [str(cell) for cell in frame[column].tolist()] == [str(known[i]) for i in at[which]]
    if not ledger.add(f"{name}: rows", good, f"{len(frame):,} rows, should be {rows:,} by place and step"):
        return None
    columns = {c: frame[c].to_numpy(np.float64).reshape(shape) for c in _TABLES[name]}
    odd = [
        c
        for c, values in columns.items()
        if (c not in _MAY_BE_NAN and np.isnan(values).any())
        or (c not in _MAY_BE_INFINITE and np.isinf(values).any())
    ]
    if not ledger.add(f"{name}: numbers", not odd, f"not finite: {', '.join(odd)}" if odd else "all finite"):
        return None
    return columns
