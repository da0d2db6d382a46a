"""`verify` lets an honest configuration pass and catches forgeries whose digests were fixed up."""

from __future__ import annotations

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
from tests.unit.configuration.made_plans import configured, crowded
from tidewatt.verification import verify


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """A folder with a scenario and an honest configuration of it."""
    home = tmp_path_factory.mktemp("honest")
    tidewatt.write_scenario(crowded(), home / "town")
    tidewatt.save(configured(), home / "result", scenario_folder=home / "town")
    return home


def summary(change):
    def forge(result: Path) -> None:
        path = result / "summary.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return forge


def inside(part, key, change=lambda v: v * 1.01 + 0.01):
    return summary(lambda f: f[part].update({key: change(f[part][key])}))


def figure(key, change=lambda v: v * 1.01 + 0.01):
    return summary(lambda f: f.update({key: change(f[key])}))


def table(name, change):
    def forge(result: Path) -> None:
        path = result / name
        frame = pd.read_csv(path)
        changed = change(frame)
        (frame if changed is None else changed).to_csv(path, index=False)

    return forge


def cell(column, change, row=1):
    def edit(frame) -> None:
        frame.loc[row, column] = change(frame.loc[row, column])

    return edit


def parquet(name, change):
    def forge(result: Path) -> None:
        path = result / name
        schema = pq.read_schema(path)
        frame = pd.read_parquet(path)
        change(frame)
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)

    return forge


def series(name, change):
    def forge(result: Path) -> None:
        path = result / "profiles.nc"
        data = xr.load_dataset(path, engine="h5netcdf")
        values = data[name].to_numpy().copy()
        at = np.unravel_index(values.argmax(), values.shape)
        values[at] = change(values[at])
        data[name] = (data[name].dims, values)
        data.to_netcdf(path, engine="h5netcdf")

    return forge


def everywhere(*forgeries):
    def forge(result: Path) -> None:
        for each in forgeries:
            each(result)

    return forge


def one_more(frame) -> None:
    """Chargers that the table of costs knows nothing of."""
    frame.loc[1, "fast_after"] += 1


def without_revenue(frame) -> None:
    """Revenue that drivers did not pay, with sums made to fit."""
    frame["f1_2"] += 0.1
    frame["f1"] -= 0.1


def cheaper_time(frame) -> None:
    """Drivers' time below what they spent, with sums made to fit."""
    frame["f2_1"] *= 0.5
    frame["f2"] = frame["f2_1"] + frame["f2_2"] + frame["f2_3"]


def prettier(result: Path) -> None:
    """A better day after, carried through to means and objective but not to the interval."""
    table("days.csv", lambda d: d.assign(f4=d["f4"].where(d["plan"] == "before", d["f4"] * 0.5)))(result)


FORGERIES = {
    "a charger more": parquet("plan.parquet", one_more),
    "another plan before": parquet("plan.parquet", cell("fast_before", lambda v: v + 1)),
    "more chargers than the site holds": parquet("plan.parquet", cell("normal_after", lambda v: v + 20)),
    "chargers below nothing": parquet("plan.parquet", cell("normal_after", lambda v: -1)),
    "a cheaper retrofit": parquet("plan.parquet", cell("retrofit_cost", lambda v: v - 0.01)),
    "shorter waits at a station": parquet("plan.parquet", cell("wait_after_min", lambda v: v / 2)),
    "a lower peak at a station": parquet("plan.parquet", cell("peak_after_kw", lambda v: v / 2)),
    "a peak beyond all chargers": parquet("plan.parquet", cell("peak_before_kw", lambda v: v + 1e4)),
    "more use of chargers": parquet("plan.parquet", cell("utilisation_after", lambda v: v + 0.1)),
    "a charge more": parquet("plan.parquet", cell("charges_after", lambda v: v + 1)),
    "a station of another name": parquet("plan.parquet", cell("station_id", lambda v: "Nowhere")),
    "a station elsewhere": parquet("plan.parquet", cell("x", lambda v: v + 1)),
    "a better day": prettier,
    "revenue that nobody paid": table("days.csv", without_revenue),
    "time that costs less": table("days.csv", cheaper_time),
    "a day left out": table("days.csv", lambda d: d.iloc[1:]),
    "a shorter wait on a day": table("days.csv", cell("mean_wait_min", lambda v: v + 1)),
    "expansion before anything is built": table("days.csv", cell("f1_3", lambda v: 0.1)),
    "not a number": table("days.csv", cell("f4", lambda v: np.nan)),
    "traffic beyond the formula": table("days.csv", lambda d: d.assign(f4=d["f4"] + 1e3)),
    "an objective of a day": table("days.csv", cell("objective", lambda v: v - 1, 4)),
    "a better replay": table("days.csv", cell("replayed_objective", lambda v: v - 1, 4)),
    "a narrower interval": table("costs.csv", cell("change_ci95", lambda v: v / 2, 0)),
    "another mean": table("costs.csv", cell("after", lambda v: v - 0.01)),
    "another change": table("costs.csv", cell("change", lambda v: v - 0.01, 0)),
    "a figure left out": table("costs.csv", lambda c: c.iloc[:-1]),
    "a search that got worse": table("history.csv", cell("best_objective", lambda v: v - 5, 0)),
    "more plans tried": figure("evaluations", lambda v: v + 1),
    "a better objective": figure("objective", lambda v: v - 0.1),
    "a better objective of the search": figure("objective_train", lambda v: v - 0.1),
    "a narrower interval of the objective": figure("objective_ci95", lambda v: v / 2),
    "a better f1": inside("after", "f1", lambda v: v - 0.01),
    "a worse before": inside("before", "f2", lambda v: v + 0.01),
    "a shorter mean wait": inside("after", "mean_wait_min", lambda v: v / 2),
    "other weights": summary(lambda f: f["weights"].update(drivers=2.0)),
    "no replay error": inside("replay_error", "mean_wait_min", lambda v: v + 0.5),
    "a limit said to be broken": inside("constraints", "site", lambda v: not v),
    "a budget said to be broken": inside("constraints", "budget", lambda v: not v),
    "conf-18 the other way round": inside("constraints", "cost_18", lambda v: not v),
    "fewer stations changed": figure("stations_changed", lambda v: v - 1),
    "more chargers": figure("fast_after", lambda v: v + 1),
    "another mode": figure("mode", lambda v: "paper-table"),
    "cheaper chargers": summary(lambda f: f["parameters"].update(fast_cost=1.0)),
    "a budget that was not kept": summary(lambda f: f["parameters"].update(budget=-100.0)),
    "another search": figure("search", lambda v: "local"),
    "a status that claims more": figure("status", lambda v: "certified"),
    "a front there is none of": everywhere(
        figure("search", lambda v: "pareto"), summary(lambda f: f["parameters"].update(search="pareto"))
    ),
    "coordination not asked for": figure("coordinated", lambda v: None),
    "a bound above what was reached": summary(
        lambda f: f["coordinated"]["after"]["coordinated"].update(lower_bound_kw=1e4)
    ),
    "a bound far below": summary(
        lambda f: f["coordinated"]["after"]["coordinated"].update(lower_bound_kw=1.0)
    ),
    "cheaper coordinated charging": summary(
        lambda f: f["coordinated"]["after"]["coordinated"].update(f3=0.0)
    ),
    "a longer wait accepted": inside("coordinated", "accepted_wait_min", lambda v: 2 * v),
    "a higher load": series("load_kw", lambda v: v + 100),
    "a shorter queue": series("queue_vehicles", lambda v: 0.5 * v),
    "energy lost in coordination": series("load_coordinated_kw", lambda v: 0.5 * v),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_caught(honest, tmp_path, name) -> None:
    """Without it a plan could be praised for what its files do not bear out."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    FORGERIES[name](home / "result")
    path = home / "result" / "certificate.json"
    certificate = json.loads(path.read_text())
    certificate["files"] = {
        file: hashlib.sha256((home / "result" / file).read_bytes()).hexdigest()
        for file in certificate["files"]
    }
    path.write_text(json.dumps(certificate))
    report = verify(home / "result")
    assert not report.ok, name
    assert not [c for c in report.failures if c.name == "digests"]
    assert "NOT verified" in report.text()


def test_an_honest_configuration_passes(honest) -> None:
    """Without it verify could refuse everything, and the tests above would pass."""
    report = verify(honest / "result")
    assert report.ok, report.text()
    assert "fresh days" in report.text()


def test_charges_after_midnight_may_add_to_those_of_the_morning(honest, tmp_path) -> None:
    """Without it a station with one charger, busy at midnight and the next morning, is a forgery."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    parquet("plan.parquet", cell("peak_before_kw", lambda v: 1.3 * v))(home / "result")
    assert configured().plan["peak_before_kw"][1] == 50.0  # all that its one fast charger gives
    assert [check.name for check in verify(home / "result").failures] == ["digests"]


@pytest.mark.parametrize("mode", ["paper-table", "paper-equation"])
def test_other_modes_pass_too(tmp_path, mode) -> None:
    """Without it a result in a mode of the source is called a forgery."""
    from dataclasses import replace

    scenario = crowded()
    s = replace(scenario.stations, age_years=np.array([1.0, 2.0, 3.0, 4.0]))
    result = tidewatt.configure(
        replace(scenario, stations=s),
        mode=mode,
        evaluations=30,
        population=6,
        days_train=1,
        days_test=2,
        threads=1,
    )
    tidewatt.save(result, tmp_path / "r")
    report = verify(tmp_path / "r")
    assert report.ok, report.text()


def test_a_changed_file_and_a_changed_new_scenario_are_noticed(honest, tmp_path) -> None:
    """Without it the scenario handed on could hold other chargers than the plan."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    parquet("scenario/stations.parquet", cell("fast", lambda v: v + 1))(home / "result")
    failed = [check.name for check in verify(home / "result").failures]
    assert failed == ["digests", "scenario with the plan"]


@pytest.mark.parametrize("name", ["plan.parquet", "days.csv", "profiles.nc", "summary.json"])
def test_damaged_files_are_failed_checks(honest, tmp_path, name) -> None:
    """Without it a broken disk shows a traceback."""
    home = Path(shutil.copytree(honest, tmp_path / "copy"))
    (home / "result" / name).write_bytes(b"nonsense")
    report = verify(home / "result")
    assert not report.ok
