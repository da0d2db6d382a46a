"""`verify` lets honest tariffs pass and catches forgeries whose digests were fixed up."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

import tidewatt
from tests.unit.tariffs.small_cases import past_forecasts, small_case
from tidewatt.errors import SolveWarning
from tidewatt.result import Status
from tidewatt.verification import verify

# Roads and chargers bind beside both lines, and all prices are published.
SCARCE = {"road_capacity": 5.0, "chargers": (7, 6)}


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """A folder with a scenario and honest tariffs of it, a sweep included."""
    home = tmp_path_factory.mktemp("honest")
    scenario = small_case(**SCARCE)
    tidewatt.write_scenario(scenario, home / "town")
    result = tidewatt.tariff(scenario, publish="all", sweep_gamma=[0.0, 0.5, 1.0])
    assert result.status is Status.CERTIFIED
    assert len(result.tolls)
    assert (result.tariffs["charger_price"] > 0.01).any()
    tidewatt.save(result, home / "result", scenario_folder=home / "town")
    return home


def summary(change):
    def forge(result: Path) -> None:
        path = result / "summary.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return forge


def figure(key, change):
    return summary(lambda f: f.update({key: change(f[key])}))


def parquet(name, change):
    def forge(result: Path) -> None:
        path = result / f"{name}.parquet"
        schema = pq.read_schema(path)
        frame = pd.read_parquet(path)
        changed = change(frame)
        frame = frame if changed is None else changed
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)

    return forge


def largest(column, change, where=None):
    """Change the largest value of a column, among rows that `where` names."""

    def edit(frame) -> None:
        rows = frame if where is None else frame[where(frame)]
        row = rows[column].idxmax()
        frame.loc[row, column] = change(frame.loc[row, column])

    return edit


def table(name, change):
    def forge(result: Path) -> None:
        path = result / name
        frame = pd.read_csv(path, float_precision="round_trip")
        changed = change(frame)
        (frame if changed is None else changed).to_csv(path, index=False)

    return forge


def flows(change):
    def forge(result: Path) -> None:
        path = result / "flows.nc"
        data = change(xr.load_dataset(path, engine="h5netcdf"))
        data.to_netcdf(path, engine="h5netcdf")

    return forge


def at_most(name, change):
    """Change the largest value of a variable of the flows."""

    def edit(data):
        values = data[name].to_numpy().copy()
        at = np.unravel_index(values.argmax(), values.shape)
        values[at] = change(values[at])
        return data.assign({name: (data[name].dims, values, data[name].attrs)})

    return flows(edit)


def arcs(change, action=None):
    """Change columns of the arc with most vehicles, of an action."""

    def edit(data):
        columns = {name: v.to_numpy().copy() for name, v in data.data_vars.items() if v.dims == ("arc",)}
        vehicles = columns["vehicles"] * (1 if action is None else columns["action"] == action)
        change(columns, int(vehicles.argmax()))
        return data.assign({name: ("arc", values) for name, values in columns.items()})

    return flows(edit)


def add(name, amount):
    def edit(columns, at) -> None:
        columns[name][at] += amount

    return edit


def everywhere(*forgeries):
    def forge(result: Path) -> None:
        for each in forgeries:
            each(result)

    return forge


def swap(result: Path) -> None:
    """Tables of sites and tariffs in each other's place."""
    one, other = result / "tariffs.parquet", result / "sites.parquet"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def shifted_duals(frame) -> None:
    """Rent moved from the line that binds to one step later."""
    frame["dual_high"] = np.roll(frame["dual_high"].to_numpy(), 1)


def lower_flow(frame) -> None:
    """A flow that leaves more room, carried through to its worst cases."""
    row = frame["nominal_kw"].idxmax()
    frame.loc[row, ["nominal_kw", "worst_high_kw", "worst_low_kw"]] -= 5.0


def another_split(frame) -> None:
    """Part of the lines' price called that of voltages."""
    row = frame["line_part_per_kwh"].idxmax()
    frame.loc[row, "line_part_per_kwh"] -= 0.01
    frame.loc[row, "voltage_part_per_kwh"] += 0.01


def moved_power(frame) -> None:
    """Power of an aggregator moved to the next step, so that all sums over steps stay."""
    row = frame["central_kw"].idxmax()
    step = row + 1 if frame.loc[row, "step"] < frame["step"].max() else row - 1
    for column in ("central_kw", "own_kw", "own_tariff_only_kw"):
        frame.loc[row, column] -= 1.0
        frame.loc[step, column] += 1.0


def faster(columns, at) -> None:
    columns["end_step"][at] -= 1


def freer(columns, at) -> None:
    """A link that uses no charge, its vehicles on a level to spare."""
    columns["level_end"][at] = columns["level"][at] + 1


def elsewhere(columns, at) -> None:
    columns["index"][at] = (columns["index"][at] + 1) % 10


def cheaper(f) -> None:
    """A lower cost with a gap and an increase that fit it."""
    f["cost"] *= 0.999
    f["lower_bound_cost"] = f["cost"]
    f["relative_gap"] = 0.0
    f["robust_cost_increase"] = (f["cost"] - f["deterministic_cost"]) / f["deterministic_cost"]


def looser(f) -> None:
    """A bound above what the duals prove, with a gap that fits it."""
    f["lower_bound_cost"] = f["cost"] + 1.0
    f["relative_gap"] = (f["cost"] - f["lower_bound_cost"]) / f["cost"]


def binds(frame):
    return frame["dual_high"] > 1e-3


def some(frame):
    return frame["violated"] > 0


FORGERIES = {
    "a dearer tariff": parquet("tariffs", largest("tariff_per_kwh", lambda v: v + 1e-3)),
    "a tariff where none is": parquet(
        "tariffs", lambda t: t.assign(tariff_per_kwh=t["tariff_per_kwh"] + 0.01)
    ),
    "a part of another kind": parquet("tariffs", another_split),
    "a cheaper charger": parquet("tariffs", largest("charger_price", lambda v: v / 2)),
    "a charger that pays": parquet("tariffs", largest("charger_price", lambda v: -v)),
    "an interval beside its tariff": parquet(
        "tariffs", lambda t: t.assign(interval_low=t["tariff_per_kwh"] + 1.0, interval_high=2.0)
    ),
    "a toll left out": parquet("tolls", lambda t: t.iloc[1:]),
    "a lower toll": parquet("tolls", largest("toll_per_vehicle", lambda v: v / 2)),
    "a toll twice": parquet("tolls", lambda t: pd.concat([t, t.iloc[:1]])),
    "a toll on an unknown link": parquet("tolls", lambda t: t.assign(link_id="zz")),
    "a negated dual": parquet("lines", largest("dual_high", lambda v: -v)),
    "a larger dual": parquet("lines", largest("dual_high", lambda v: v * 1.01)),
    "duals a step later": parquet("lines", shifted_duals),
    "a dual of a limit with room": parquet("lines", largest("dual_low", lambda v: v + 0.01)),
    "a wider limit": parquet("lines", largest("limit_kw", lambda v: v + 10, binds)),
    "a smaller margin": parquet("lines", largest("worst_high_kw", lambda v: v - 1, binds)),
    "a smaller margin below": parquet("lines", largest("worst_low_kw", lambda v: v + 1)),
    "less flow": parquet("lines", lower_flow),
    "a row of a line left out": parquet("lines", lambda t: t.iloc[:-1]),
    "rows in another order": parquet("lines", lambda t: t.iloc[::-1]),
    "a line of another name": parquet("lines", lambda t: t.assign(line_id="L1")),
    "not a number": parquet("lines", largest("nominal_kw", lambda v: np.nan)),
    "a higher voltage": parquet("voltages", largest("nominal_pu", lambda v: v + 1e-4)),
    "a wider voltage": parquet("voltages", lambda t: t.assign(voltage_max_pu=1.2)),
    "a dual of a voltage": parquet("voltages", largest("dual_low", lambda v: v + 1.0)),
    "power in another step": parquet("aggregators", moved_power),
    "power lowered": parquet("aggregators", largest("central_kw", lambda v: v - 0.5)),
    "an own plan farther off": parquet("aggregators", largest("own_kw", lambda v: v + 5.0)),
    "an own plan that agrees": parquet(
        "aggregators", lambda t: t.assign(own_tariff_only_kw=t["central_kw"] + 0.0)
    ),
    "energy that costs less": parquet("aggregators", largest("cost", lambda v: v - 0.01)),
    "an aggregator of another name": parquet("aggregators", lambda t: t.assign(aggregator_id="m1")),
    "fewer who charge": parquet("sites", largest("charging", lambda v: v - 0.1)),
    "a shorter queue": parquet("sites", largest("queue", lambda v: v - 0.5)),
    "more who pass by": parquet("sites", largest("bypassing", lambda v: v + 1)),
    "more who enter": parquet("sites", largest("entering", lambda v: v + 1)),
    "a fuller battery": parquet("sites", lambda t: t.assign(soc_mean=t["soc_mean"] + 0.5)),
    "tables in each other's place": swap,
    "fewer violations": parquet("outcomes", largest("violated", lambda v: 0.0)),
    "violations where none are": parquet(
        "outcomes", largest("violated", lambda v: 0.5, lambda t: t["plan"] == "robust")
    ),
    "outcomes beyond the half widths": parquet("outcomes", largest("high_kw", lambda v: v + 500)),
    "quantiles the wrong way round": parquet("outcomes", lambda t: t.assign(p05_kw=t["p95_kw"])),
    "an outcome left out": parquet("outcomes", lambda t: t.iloc[1:]),
    "a vehicle more on an arc": arcs(add("vehicles", 1e-3)),
    "a vehicle less at a charger": arcs(add("vehicles", -1e-3), 2),
    "negative flow": arcs(add("vehicles", -1e3)),
    "a stronger charger": arcs(add("power_kw", 5.0), 2),
    "a battery with more charge": arcs(add("soc", 0.05), 0),
    "charging that adds more": arcs(add("level_end", 1), 2),
    "a link that uses nothing": arcs(freer, 0),
    "a faster link": arcs(faster, 0),
    "another link": arcs(elsewhere, 0),
    "vehicles of another aggregator": arcs(
        lambda c, i: c["aggregator"].__setitem__(i, 1 - c["aggregator"][i])
    ),
    "a destination elsewhere": arcs(lambda c, i: c["destination"].__setitem__(i, 1)),
    "less charge on arrival": flows(
        lambda d: d.assign(soc_final_min=("arc", 0.5 * d["soc_final_min"].to_numpy()))
    ),
    "an arc left out": flows(lambda d: d.isel(arc=slice(1, None))),
    "no arcs": flows(lambda d: d.drop_dims("arc")),
    "more on a link": at_most("link_flow", lambda v: v + 0.01),
    "a shorter queue on a link": at_most("link_queue", lambda v: v - 0.5),
    "a lower dual of a road": at_most("road_dual", lambda v: v / 2),
    "a higher dual of chargers": at_most("charger_dual", lambda v: v * 1.1),
    "a lower cost": summary(cheaper),
    "a higher bound": summary(looser),
    "a bound far below": summary(
        lambda f: f.update(lower_bound_cost=f["cost"] - 1, relative_gap=1 / f["cost"])
    ),
    "a smaller gap": figure("relative_gap", lambda v: v + 1e-6),
    "a larger gamma": figure("gamma", lambda v: 0.9),
    "another set": figure("uncertainty", lambda v: "ellipsoid"),
    "losses allowed for": figure("loss_margin", lambda v: 0.05),
    "another linearisation": figure("linearisation", lambda v: "forecast"),
    "outward rounding": figure("soc_rounding", lambda v: "outer"),
    "the paths formulation": figure("formulation", lambda v: "paths"),
    "a larger tariff": figure("largest_tariff_per_kwh", lambda v: v + 0.01),
    "a smaller toll": figure("largest_toll_per_vehicle", lambda v: v / 2),
    "less energy": figure("energy_kwh", lambda v: v - 1),
    "fewer vehicles": figure("vehicles", lambda v: v - 1),
    "fewer lines": figure("lines", lambda v: v - 1),
    "a line that does not bind": figure("binding_lines", lambda v: v[1:]),
    "aggregators that agree less": figure("decentralisation_error_kw", lambda v: v + 0.01),
    "aggregators that agree without tolls": figure("decentralisation_error_tariff_only_kw", lambda v: v / 2),
    "prices that are not published": figure("published", lambda v: ["tariff"]),
    "no prices needed": figure("prices_needed", lambda v: []),
    "robustness that costs less": figure("robust_cost_increase", lambda v: v / 2),
    "certainty that costs more": summary(
        lambda f: f.update(deterministic_cost=f["cost"] + 1, robust_cost_increase=-1 / (f["cost"] + 1))
    ),
    "a lower rate of violations": figure("violation_rate_deterministic", lambda v: 0.0),
    "no violations counted": figure("samples", lambda v: 0),
    "a smaller error of the flow": figure("ac_flow_error_kw", lambda v: v / 2),
    "a smaller error of voltages": figure("ac_voltage_error_pu", lambda v: v / 2),
    "vehicles left over": figure("unserved_vehicles", lambda v: 1.0),
    "a status that publishes nothing": figure("status", lambda v: "infeasible"),
    "a status that says less": figure("status", lambda v: "deviating"),
    "another seed": figure("seed", lambda v: v + 1),
    "a sweep that gets cheaper": table("gamma.csv", lambda g: g.assign(cost=g["cost"].to_numpy()[::-1])),
    "a sweep that costs else": table("gamma.csv", lambda g: g.assign(cost=g["cost"] + 1)),
    "a sweep whose bounds prove less": table("gamma.csv", lambda g: g.assign(lower_bound_cost=1.0)),
    "a sweep out of order": table("gamma.csv", lambda g: g.iloc[::-1]),
    "a mean above the largest": table("gamma.csv", lambda g: g.assign(mean_tariff_per_kwh=9.0)),
    "a rate above one": table("gamma.csv", lambda g: g.assign(violation_rate=1.5)),
    "another end of the history": table("history.csv", lambda h: h.iloc[:-3]),
    "a history in another order": table("history.csv", lambda h: h.iloc[::-1]),
}


def with_new_digests(result: Path) -> None:
    path = result / "certificate.json"
    certificate = json.loads(path.read_text())
    certificate["files"] = {
        file: hashlib.sha256((result / file).read_bytes()).hexdigest() for file in certificate["files"]
    }
    path.write_text(json.dumps(certificate))


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_caught(honest, tmp_path, name) -> None:
    """Without it tariffs could be published that their files do not bear out."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    FORGERIES[name](home / "result")
    with_new_digests(home / "result")
    report = verify(home / "result")
    assert not report.ok, name
    assert not [c for c in report.failures if c.name == "digests"]
    assert "Do not rely on these files" in report.text()


def test_honest_tariffs_pass(honest) -> None:
    """Without it verify could refuse everything, and the tests above would pass."""
    report = verify(honest / "result")
    assert report.ok, report.text()
    assert "Proved: vehicles can drive and charge so" in report.text()


@pytest.mark.parametrize(
    "asked",
    [
        {"uncertainty": "budget", "gamma": 0.55},
        {"uncertainty": "ellipsoid", "gamma": 0.7, "loss_margin": 0.02},
        {"uncertainty": "conformal", "coverage": 0.9},
        {"uncertainty": "conformal", "coverage": 0.9, "coverage_scope": "joint"},
        {"linearisation": "forecast", "voltage_min_pu": 0.97},
        {"line_kw": (np.inf, np.inf), "voltage_min_pu": 0.975},
        {"levels_kw": (20.0, 10.0, -10.0)},
        {"soc_rounding": "both", "samples": 0},
        {"soc_rounding": "outer"},
        {"formulation": "both", "publish": "tariff", **SCARCE},
        {"publish": "auto", **SCARCE},
        {"formulation": "paths"},
    ],
    ids=lambda asked: "-".join(f"{v}" for v in asked.values()),
)
@pytest.mark.filterwarnings("ignore::tidewatt.errors.SolveWarning")
def test_other_honest_tariffs_pass_too(tmp_path, asked) -> None:
    """Without it a result of another set, linearisation, rounding or formulation is called a forgery."""
    scenario = small_case(**asked)
    if asked.get("uncertainty") == "conformal":
        scenario = dataclasses.replace(scenario, forecasts=past_forecasts(scenario.injections))
    result = tidewatt.tariff(scenario)
    assert len(result.tariffs)
    tidewatt.save(result, tmp_path / "r")
    report = verify(tmp_path / "r")
    assert report.ok, report.text()
    assert ("single vehicles can drive this way" in report.text()) == (asked.get("formulation") == "paths")


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory) -> Path:
    """An honest result where chargers are too few."""
    folder = tmp_path_factory.mktemp("hopeless") / "r"
    with pytest.warns(SolveWarning):
        result = tidewatt.tariff(small_case(chargers=(2, 1)))
    assert result.status is Status.INFEASIBLE
    tidewatt.save(result, folder)
    return folder


def test_a_result_without_tariffs_passes(hopeless) -> None:
    """Without it an honest diagnosis is called a forgery."""
    report = verify(hopeless)
    assert report.ok, report.text()
    assert "publishes nothing" in report.text()


def cost_of_nothing(f) -> None:
    f["cost"] = 1.0


OF_THE_HOPELESS = {
    "a cost without a plan": summary(cost_of_nothing),
    "a tariff without a plan": parquet(
        "tariffs", lambda t: pd.DataFrame({c: ["s1"] if c == "site_id" else [1] for c in t.columns})
    ),
    "agreement without a plan": figure("decentralisation_error_kw", lambda v: 0.0),
    "a plan after all": figure("status", lambda v: "certified"),
    "another scenario": figure("scenario_sha256", lambda v: "0" * 64),
    "an unknown site": table("diagnosis.csv", lambda d: d.assign(element_id="s9")),
    "a step beyond the horizon": table("diagnosis.csv", lambda d: d.assign(step=99)),
    "a relaxation of nothing": table("diagnosis.csv", lambda d: d.assign(amount=-1.0)),
}


@pytest.mark.parametrize("name", OF_THE_HOPELESS)
def test_forged_diagnoses_are_caught(hopeless, tmp_path, name) -> None:
    """Without it a diagnosis could name what there is not, or a plan be claimed where there is none."""
    result = Path(shutil.copytree(hopeless, tmp_path / "r"))
    OF_THE_HOPELESS[name](result)
    with_new_digests(result)
    report = verify(result)
    assert not report.ok, name
    assert not [c for c in report.failures if c.name == "digests"]


def test_another_scenario_is_noticed(honest, tmp_path) -> None:
    """Without it tariffs of one town pass as those of another."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    parquet("lines", largest("limit_kw", lambda v: v + 100))(home / "town")
    assert "scenario" in [check.name for check in verify(home / "result").failures]


@pytest.mark.parametrize("name", ["tariffs.parquet", "flows.nc", "history.csv", "summary.json", "gamma.csv"])
def test_damaged_files_are_failed_checks(honest, tmp_path, name) -> None:
    """Without it a broken disk shows a traceback."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    content = (home / "result" / name).read_bytes()
    (home / "result" / name).write_bytes(content[: len(content) // 3])
    report = verify(home / "result")
    assert not report.ok
    assert "digests" in [check.name for check in report.failures]
    (home / "result" / name).unlink()
    assert not verify(home / "result").ok
