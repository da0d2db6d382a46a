"""`verify` lets an honest simulation pass and catches every forgery, digests fixed up or not."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.unit.simulation.made_days import hand_made, town
from tidewatt.io.results import save
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario
from tidewatt.verification import verify


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """A folder with a scenario and an honest simulation of three days in it."""
    home = tmp_path_factory.mktemp("honest")
    write_scenario(town(), home / "scenario")
    save(hand_made(town()), home / "result", scenario_folder=home / "scenario")
    return home


# --- forging -------------------------------------------------------------------------------------------


def edit_json(name, change):
    def forge(home: Path) -> None:
        path = home / "result" / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return forge


def edit_table(name, change, part="result"):
    def forge(home: Path) -> None:
        path = home / part / name
        schema = pq.read_schema(path)
        frame = pd.read_parquet(path)
        for column in frame:
            if isinstance(frame[column].dtype, pd.CategoricalDtype):
                frame[column] = frame[column].astype(object)
        changed = change(frame)
        frame = frame if changed is None else changed
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)

    return forge


def edit_series(name, change):
    def forge(home: Path) -> None:
        path = home / "result" / name
        data = xr.load_dataset(path, engine="h5netcdf")
        changed = change(data)
        (data if changed is None else changed).to_netcdf(path, engine="h5netcdf")

    return forge


def edit_history(change):
    def forge(home: Path) -> None:
        path = home / "result" / "history.csv"
        frame = pd.read_csv(path)
        changed = change(frame)
        (frame if changed is None else changed).to_csv(path, index=False)

    return forge


def edit_scenario(table, change):
    def forge(home: Path) -> None:
        edit_table(f"{table}.parquet", change, "scenario")(home)
        sha = read_scenario(home / "scenario").sha256()
        edit_json("certificate.json", lambda c: c.update(scenario_sha256=sha))(home)
        edit_json("certificate.json", lambda c: c["run"].update(scenario_sha256=sha))(home)
        edit_json("summary.json", lambda s: s.update(scenario_sha256=sha))(home)

    return forge


def cell(column, change, row=lambda frame: frame.index[5]):
    def edit(frame):
        at = row(frame)
        frame.loc[at, column] = change(frame.loc[at, column])

    return edit


def value(name, change):
    def edit(data):
        values = data[name].to_numpy().copy()
        at = np.unravel_index(np.argmax(values), values.shape)
        values[at] = change(values[at])
        data[name] = (data[name].dims, values, data[name].attrs)

    return edit


def figure(key, change=lambda value: value * 1.01 + 0.01):
    return edit_json("summary.json", lambda s: s.update({key: change(s[key])}))


def waited(frame):
    return frame["wait_min"].idxmax()


def later(frame):
    """The vehicle that waited longest waits five minutes more, beside a charger that is free."""
    at = waited(frame)
    for name in ("start_min", "end_min", "wait_min"):
        frame.loc[at, name] += 5.0


def earlier(frame):
    """It starts five minutes earlier, at a charger that is taken."""
    at = waited(frame)
    for name in ("start_min", "end_min", "wait_min"):
        frame.loc[at, name] -= 5.0


def jumps_the_queue(frame):
    """Two vehicles of one line that waited exchange their turns."""
    for _, line in frame[frame["wait_min"] > 0].groupby(
        ["replication", "station_id", "charger"], observed=True
    ):
        line = line.sort_values("arrive_min")
        for a, b in zip(line.index[:-1], line.index[1:], strict=True):
            if frame.loc[b, "arrive_min"] > frame.loc[a, "arrive_min"]:
                turns = frame.loc[[b, a], ["start_min", "end_min"]].to_numpy()
                frame.loc[[a, b], ["start_min", "end_min"]] = turns
                frame["wait_min"] = frame["start_min"] - frame["arrive_min"]
                return
    raise AssertionError("nobody to exchange")


def twice(frame):
    """A vehicle charges a second time, in the place of another."""
    frame.loc[frame.index[4], "vehicle_id"] = frame.loc[frame.index[3], "vehicle_id"]


def other_kind(frame):
    """A charge at a kind of charger that its station does not have."""
    at = frame.index[frame["station_id"] == "Park"][0]
    frame.loc[at, "charger"] = "fast"


events, unserved, stations, dwells = (
    partial(edit_table, f"{name}.parquet")
    for name in ("events", "unserved", "stations", "itineraries/dwells")
)
series = partial(edit_series, "stations.nc")


def first(column, wanted):
    """The first row with this value."""
    return lambda frame: frame.index[frame[column] == wanted][0]


def row(number):
    return lambda frame: number


FORGERIES = {
    "a wait that is not start less arrival": events(cell("wait_min", lambda v: v + 1, waited)),
    "a negative wait": events(cell("arrive_min", lambda v: v + 500)),
    "a charge that ends before it starts": events(cell("end_min", lambda v: v - 300)),
    "an arrival before the decision": events(cell("decide_min", lambda v: v + 30)),
    "a detour below nothing": events(cell("detour_min", lambda v: -3.0)),
    "a shorter detour": events(cell("detour_min", lambda v: v / 2)),
    "energy that the charger cannot give": events(cell("energy_kwh", lambda v: 3 * v)),
    "less energy": events(cell("energy_kwh", lambda v: 0.9 * v)),
    "negative energy": events(cell("energy_kwh", lambda v: -v)),
    "another price": events(cell("price_per_kwh", lambda v: v + 0.01)),
    "a vehicle that does not exist": events(cell("vehicle_id", lambda v: "ghost")),
    "a station that does not exist": events(cell("station_id", lambda v: "Nowhere")),
    "a replication that was not run": events(cell("replication", lambda v: 3)),
    "a vehicle that charges twice a day": events(twice),
    "a charger that the station lacks": events(other_kind),
    "more vehicles charging than chargers": events(earlier),
    "a wait beside a free charger": events(later),
    "a vehicle that jumps the queue": events(jumps_the_queue),
    "a charge left out": events(lambda f: f.drop(index=f.index[7])),
    "a charge told twice": events(lambda f: pd.concat([f, f.iloc[[7]]]).sort_index()),
    "events out of order": events(lambda f: f.iloc[::-1]),
    "not a number": events(cell("energy_kwh", lambda v: np.nan)),
    "an unserved vehicle left out": unserved(lambda f: f.iloc[:-1]),
    "another reason": unserved(
        cell("reason", lambda v: "charged_today", first("reason", "no_station_reachable"))
    ),
    "an unserved vehicle that does not exist": unserved(cell("vehicle_id", lambda v: "ghost")),
    "a state of charge above full": unserved(cell("soc", lambda v: 1.5)),
    "a station's waits": stations(cell("mean_wait_min", lambda v: v + 1, row(0))),
    "a station's chargers": stations(cell("fast", lambda v: v + 1, row(0))),
    "a station's use": stations(cell("utilisation", lambda v: v / 2, row(0))),
    "a station's place": stations(cell("x", lambda v: v + 1, row(0))),
    "stations exchanged": stations(lambda f: f.iloc[::-1]),
    "a lower peak of one station": series(value("power_kw", lambda v: v / 2)),
    "a lower total load": series(value("load_kw", lambda v: v - 1)),
    "narrower bands": series(value("load_kw_high", lambda v: v - 1)),
    "a narrower spread of days": series(value("queue_total_p95", lambda v: v - 0.1)),
    "revenue per hour": series(value("revenue_per_h", lambda v: v + 1)),
    "a shorter queue": series(value("queue_vehicles", lambda v: v - 0.1)),
    "a charger less in use": series(value("occupied_chargers", lambda v: v - 0.1)),
    "a vehicle lost": series(value("vehicles", lambda v: v - 1)),
    "stations of other names": series(lambda d: d.assign_coords(station=d["station"].to_numpy()[::-1])),
    "a link faster than empty": edit_series("links.nc", value("speed_kmh", lambda v: 1.01 * v)),
    "a negative flow": edit_series("links.nc", value("flow_veh_h", lambda v: -v)),
    "links of other names": edit_series("links.nc", lambda d: d.assign_coords(link=d["link"].to_numpy() + 1)),
    "a day's energy": edit_history(cell("energy_kwh", lambda v: v + 1, row(1))),
    "a day's statistic": edit_history(cell("statistic", lambda v: v + 1, row(1))),
    "a smaller beta on the way": edit_history(cell("beta", lambda v: v / 2, row(1))),
    "a day's peak": edit_history(cell("peak_load_kw", lambda v: v - 1, row(0))),
    "a day left out": edit_history(lambda f: f.iloc[:2]),
    "itineraries with another battery": edit_table(
        "itineraries/vehicles.parquet", cell("soc_initial", lambda v: 1.5)
    ),
    "itineraries with a stop less": dwells(lambda f: f[f["station_id"] != "Mill"]),
    "a stop at another station": dwells(cell("station_id", lambda v: "Park", first("station_id", "Mill"))),
    "a stop of other power": dwells(cell("charger_kw", lambda v: v + 1, first("station_id", "Mill"))),
    "an overlapping stay": dwells(cell("depart_min", lambda v: v + 1000, lambda f: f.index[0])),
    "more chargers in the scenario": edit_scenario("stations", cell("normal", lambda v: v + 1, row(3))),
    "a slower road in the scenario": edit_scenario("links", cell("free_time_min", lambda v: 2 * v, row(0))),
    "another status": edit_json("certificate.json", lambda c: c.update(status="TOLERANCE")),
    "another stop rule": figure("stop_rule", lambda v: "tolerance"),
    "other parameters": edit_json("summary.json", lambda s: s["parameters"].update(vehicles=119)),
    "another reason in the summary": edit_json(
        "summary.json", lambda s: s["unserved_by_reason"].update(ran_empty=1.0)
    ),
    "vehicles not conserved": figure("vehicle_conservation_error", lambda v: 1.0),
    "energy from nowhere": figure("energy_balance_error_kwh", lambda v: 0.5),
    "Little's law broken": figure("littles_law_max_error", lambda v: 0.2),
    "another seed": figure("seed", lambda v: 7),
    "a speed that no road allows": figure("mean_speed_kmh", lambda v: 400.0),
    "another minute of the peak": figure("queue_peak_min", lambda v: v + 90),
}
FORGERIES |= {
    f"summary: {key}": figure(key)
    for key in (
        *(
            "vehicles",
            "replications",
            "beta",
            "links",
            "stations",
            "trips",
            "charges_per_day",
            "charges_fast",
        ),
        *("charges_normal", "unserved", "energy_kwh", "revenue", "mean_detour_min", "mean_wait_min"),
        *("p95_wait_min", "mean_charge_min", "queue_peak", "peak_load_kw", "peak_valley_kw"),
        *("mean_detour_min_ci95", "mean_wait_min_ci95", "peak_load_kw_ci95", "traffic_flow_veh_per_min"),
    )
}


def fix_digests(home: Path) -> None:
    """What a forger who knows the format would do."""

    def change(certificate):
        for name in certificate["files"]:
            certificate["files"][name] = hashlib.sha256((home / "result" / name).read_bytes()).hexdigest()

    edit_json("certificate.json", change)(home)


# --- catching ------------------------------------------------------------------------------------------


def test_an_honest_simulation_passes(honest):
    """Without it: honest results are called forged, and nobody trusts the check."""
    report = verify(honest / "result")
    assert report.ok, report.text()
    assert len(report.checks) > 60
    assert "3 replications, 252 charges, 120 vehicles, 4 stations, 48 links" in report.text()
    assert "Verified" in report.text()


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_caught(honest, tmp_path, name):
    """Without it: someone changes what a simulation says, fixes the digests, and verify agrees."""
    home = shutil.copytree(honest, tmp_path / "home")
    FORGERIES[name](home)
    fix_digests(home)
    report = verify(home / "result", scenario_folder=home / "scenario")
    assert not report.ok
    assert report.failures
    assert "NOT verified" in report.text()


@pytest.mark.parametrize("name", ["events.parquet", "itineraries/trips.parquet", "links.nc"])
def test_changed_and_missing_files_are_named(honest, tmp_path, name):
    """Without it: a file that was touched, or is gone, passes as the original."""
    home = shutil.copytree(honest, tmp_path / "home")
    path = home / "result" / name
    path.write_bytes(path.read_bytes() + b"\0")
    assert any(check.name == "digests" and name in check.detail for check in verify(home / "result").failures)
    path.unlink()
    assert any(check.name == "files" and name in check.detail for check in verify(home / "result").failures)


def test_a_lost_scenario_is_said(honest, tmp_path):
    """Without it: a result without its scenario is called a forgery, or passes without being compared."""
    shutil.copytree(honest / "result", tmp_path / "a" / "result")
    edit_json("certificate.json", lambda c: c.update(scenario_absolute="/nowhere"))(tmp_path / "a")
    report = verify(tmp_path / "a" / "result")
    assert not report.ok
    assert not report.scenario_found
    assert "not verified: the scenario was not found" in report.text()
    assert verify(tmp_path / "a" / "result", scenario_folder=honest / "scenario").ok


def test_who_comes_at_the_very_end_of_a_minute_counts_either_way(tmp_path):
    """Without it: a run is called forged because one driver decided on the stroke of a minute."""
    made = hand_made(town())
    states = made.data["vehicles"].to_numpy().copy()
    at = made.events["start_min"].sort_values().index[20]
    tick = float(np.ceil(made.events.loc[at, "start_min"]))  # their charge begins at the end of a minute
    assert tick < made.events.loc[at, "end_min"]
    made.events.loc[at, ["arrive_min", "start_min"]] = tick
    write_scenario(town(), tmp_path / "scenario")
    begun, left = (made.events[name].to_numpy() for name in ("start_min", "end_min"))
    ends = np.arange(1.0, 1441.0)[:, None]
    for at_the_end in ((begun <= ends) & (left > ends), (begun < ends) & (left > ends)):
        states[4] = at_the_end.sum(axis=1) / 3
        made.data["vehicles"] = (("state", "minute"), states, {"units": "1"})
        save(made, tmp_path / "result", scenario_folder=tmp_path / "scenario")
        found = {check.name: check.passed for check in verify(tmp_path / "result").checks}
        assert found["vehicles charging"]
    states[4, int(tick) - 1] += 2 / 3  # one more than either way
    made.data["vehicles"] = (("state", "minute"), states, {"units": "1"})
    save(made, tmp_path / "result", scenario_folder=tmp_path / "scenario")
    assert "vehicles charging" in {check.name for check in verify(tmp_path / "result").failures}


def test_power_that_falls_is_checked_by_its_sums(tmp_path):
    """Without it: a run with taper is called forged, or its energy is not checked at all."""
    made = hand_made(town())
    made.figures["parameters"]["taper_soc"] = 0.8
    power = made.data["power_kw"].to_numpy().copy()
    at = np.argsort(power[0])[-20:]
    power[0, at[:10]] += 1.0
    power[0, at[10:]] -= 1.0
    made.data["power_kw"] = (("station", "minute"), power, {"units": "kW"})
    made.data["load_kw"] = (("minute",), power.sum(axis=0), {"units": "kW"})
    write_scenario(town(), tmp_path / "scenario")
    save(made, tmp_path / "result", scenario_folder=tmp_path / "scenario")
    report = verify(tmp_path / "result")
    assert report.ok, report.text()
    series(value("power_kw", lambda v: v + 1))(tmp_path)
    fix_digests(tmp_path)
    assert any("sums" in check.name for check in verify(tmp_path / "result").failures)
