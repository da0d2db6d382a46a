"""`verify` lets an honest result pass and catches every forgery, digests fixed up or not."""

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

from tests.unit.verification.reference import build, plain_vehicle, solve, write_scenario_by_hand
from tidewatt.coordination.study import coordinate
from tidewatt.io.results import save
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.verification import verify
from tidewatt.verification.common.findings import VerificationReport


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """A folder with a scenario and an honest result that has a gap, regret and slack."""
    home = tmp_path_factory.mktemp("honest")
    folder = write_scenario_by_hand(home / "scenario")
    save(build(read_scenario(folder), rough=True), home / "result", scenario_folder=folder, soc=True)
    return home


# --- forging -------------------------------------------------------------------------------------------


def edit_json(name, change):
    def forge(home: Path) -> None:
        path = home / "result" / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return forge


def edit_table(name, change):
    def forge(home: Path) -> None:
        path = home / "result" / name
        schema = pq.read_schema(path)
        frame = pd.read_parquet(path)
        for column in ("vehicle_id", "feeder_id"):
            if column in frame:
                frame[column] = frame[column].astype(object)
        changed = change(frame)
        frame = frame if changed is None else changed
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)

    return forge


def edit_loads(change):
    def forge(home: Path) -> None:
        path = home / "result" / "loads.nc"
        data = xr.load_dataset(path, engine="h5netcdf")
        changed = change(data)
        (data if changed is None else changed).to_netcdf(path, engine="h5netcdf")

    return forge


def edit_scenario(table, change):
    def forge(home: Path) -> None:
        path = home / "scenario" / f"{table}.parquet"
        frame = pd.read_parquet(path)
        change(frame)
        frame.to_parquet(path, index=False)
        sha = read_scenario(home / "scenario").sha256()
        edit_json("certificate.json", lambda c: c.update(scenario_sha256=sha))(home)
        edit_json("summary.json", lambda s: s.update(scenario_sha256=sha))(home)

    return forge


def cell(column, row, change):
    def edit(frame):
        at = row(frame) if callable(row) else row
        frame.loc[at, column] = change(frame.loc[at, column])

    return edit


def value(name, change, where=None):
    def edit(data):
        values = data[name].to_numpy()
        at = where(data) if where else np.unravel_index(np.argmax(values), values.shape)
        values[at] = change(values[at])

    return edit


def largest(frame):
    return frame["power_kw"].idxmax()


def off_grid(frame):
    return frame.index[frame["feeder_id"].isna()][0]


def swap_power(frame):
    """Exchange power between two vehicles on one feeder in one step: loads stay as they are."""
    for _, same in frame[frame["feeder_id"].notna()].groupby(["feeder_id", "step"]):
        names = [int(v.split()[1]) % 3 for v in same["vehicle_id"]]
        for i in range(len(same)):
            for j in range(i):
                if names[i] == names[j] and abs(same["power_kw"].iloc[i] - same["power_kw"].iloc[j]) > 0.5:
                    a, b = same.index[i], same.index[j]
                    low = min(frame.loc[a, "power_kw"], frame.loc[b, "power_kw"])
                    total = frame.loc[a, "power_kw"] + frame.loc[b, "power_kw"]
                    frame.loc[[a, b], "power_kw"] = (total - low, low)
                    if frame.loc[a, "power_kw"] == same["power_kw"].iloc[i]:
                        frame.loc[[a, b], "power_kw"] = (low, total - low)
                    return
    raise AssertionError("no pair to exchange")


def move_between_dwells(frame):
    """Shift energy of the session rung from one dwell of a vehicle to its next."""
    for _, same in frame.groupby("vehicle_id"):
        if len(set(same["dwell"])) > 1:
            a, b = same.index[0], same.index[-1]
            frame.loc[a, "power_kw"] *= 0.5
            frame.loc[b, "power_kw"] *= 1.0 - 1e-3
            return
    raise AssertionError("no vehicle with two dwells")


def rename_feeders(data):
    names = data["feeder"].to_numpy().copy()
    return data.assign_coords(feeder=names[[1, 0, *range(2, len(names))]])


def later(data):
    return data.assign_coords(time=data["time"] + np.timedelta64(30, "m"))


def drop_rung(content):
    del content["rungs"]["session"]


def cut_file(name):
    def forge(home: Path) -> None:
        path = home / "result" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return forge


def nan_literal(home: Path) -> None:
    path = home / "result" / "certificate.json"
    content = json.loads(path.read_text())
    content["rungs"]["coordinated"]["lower_bound_cost"] = float("nan")
    path.write_text(json.dumps(content))


def both_bounds(shift):
    def forge(home: Path) -> None:
        def in_certificate(c):
            c["rungs"]["coordinated"]["lower_bound_cost"] += shift

        def in_summary(s):
            s["lower_bound_cost"] += shift
            s["absolute_gap"] -= shift
            s["relative_gap"] = s["absolute_gap"] / s["coordinated_upgrade_cost"]

        edit_json("certificate.json", in_certificate)(home)
        edit_json("summary.json", in_summary)(home)

    return forge


def rung_figure(rung, key, change):
    return edit_json(
        "certificate.json", lambda c: c["rungs"][rung].update({key: change(c["rungs"][rung][key])})
    )


SCHEDULE, SESSION = "schedule.parquet", "schedule_session.parquet"
RUNS = {
    "a power a little less": edit_table(SCHEDULE, cell("power_kw", largest, lambda x: x - 0.001)),
    "a row dropped": edit_table(SCHEDULE, lambda f: f.drop(index=largest(f))),
    "a row twice": edit_table(SCHEDULE, lambda f: pd.concat([f.iloc[:5], f.iloc[4:]])),
    "rows out of order": edit_table(SCHEDULE, lambda f: f.iloc[::-1]),
    "a row moved to another step": edit_table(SCHEDULE, cell("step", 3, lambda s: s + 1)),
    "a step far outside": edit_table(SCHEDULE, cell("step", 3, lambda s: 4000)),
    "a row on another feeder": edit_table(
        SCHEDULE, cell("feeder_id", largest, lambda f: "F3" if f != "F3" else "F0")
    ),
    "a negative power": edit_table(SCHEDULE, cell("power_kw", 3, lambda x: -x)),
    "a power that is no number": edit_table(SCHEDULE, cell("power_kw", 3, lambda x: np.nan)),
    "a power above the charger's": edit_table(SCHEDULE, cell("power_kw", largest, lambda x: x + 5)),
    "a dwell that is not": edit_table(SCHEDULE, cell("dwell", 3, lambda d: 999)),
    "a vehicle that is not": edit_table(SCHEDULE, cell("vehicle_id", 3, lambda v: "ghost")),
    "two vehicles exchanged": edit_table(SCHEDULE, swap_power),
    "less off the grid": edit_table(SCHEDULE, cell("power_kw", off_grid, lambda x: 0.9 * x)),
    "a column gone": edit_table(SESSION, cell("power_kw", 3, lambda x: 0.5 * x)),
    "energy moved between sessions": edit_table(SESSION, move_between_dwells),
    "schedule cut": cut_file(SCHEDULE),
    "loads cut": cut_file("loads.nc"),
    "vehicles cut": cut_file("vehicles.parquet"),
    "history garbled": lambda home: (home / "result" / "history.csv").write_bytes(b"\xff\xfe\x00"),
    "a coordinated load": edit_loads(value("coordinated_kw", lambda x: x - 0.01)),
    "a bank's load": edit_loads(value("bank_coordinated_kw", lambda x: x - 0.01)),
    "a session load": edit_loads(value("session_kw", lambda x: x - 0.01)),
    "an unmanaged load": edit_loads(value("unmanaged_kw", lambda x: x + 0.01)),
    "headroom": edit_loads(value("headroom_kw", lambda x: x + 0.01, lambda d: (0, 3))),
    "a bank's headroom": edit_loads(value("bank_headroom_kw", lambda x: x + 0.01)),
    "headroom without limit made finite": edit_loads(value("headroom_kw", lambda x: 1e6, lambda d: (4, 3))),
    "a price a little less": edit_loads(value("price", lambda x: 0.999 * x)),
    "a price moved": edit_loads(value("price", lambda x: 0.1, lambda d: (0, 2))),
    "a negative price": edit_loads(value("price", lambda x: -x)),
    "a price that is no number": edit_loads(value("price", lambda x: np.nan)),
    "a price past the budget": edit_loads(value("price", lambda x: x + 10)),
    "a price without limit": edit_loads(value("price", lambda x: 0.01, lambda d: (4, 3))),
    "a bank's price": edit_loads(value("bank_price", lambda x: 0.5 * x)),
    "a session price": edit_loads(value("session_price", lambda x: 0.5 * x)),
    "a bank's session price": edit_loads(value("bank_session_price", lambda x: 0.5 * x)),
    "feeders renamed": edit_loads(rename_feeders),
    "another time": edit_loads(later),
    "loads without prices": edit_loads(lambda d: d.drop_vars("price")),
    "fewer steps": edit_loads(lambda d: d.isel(step=slice(0, 40))),
    "bound raised everywhere": both_bounds(0.01),
    "bound lowered everywhere": both_bounds(-0.01),
    "session bound raised": rung_figure("session", "lower_bound_cost", lambda x: x + 0.01),
    "cost lowered": rung_figure("coordinated", "upgrade_cost", lambda x: 0.999 * x),
    "session cost lowered": rung_figure("session", "upgrade_cost", lambda x: 0.999 * x),
    "regret denied": rung_figure("coordinated", "total_regret_cost", lambda x: 0.0),
    "slack denied": rung_figure("coordinated", "grid_slack_cost", lambda x: 0.0),
    "bound not a number": nan_literal,
    "bound null": rung_figure("coordinated", "lower_bound_cost", lambda x: None),
    "bound a text": rung_figure("coordinated", "lower_bound_cost", lambda x: "-21.5"),
    "session rung hidden": edit_json("certificate.json", drop_rung),
    "another scenario claimed": edit_json("certificate.json", lambda c: c.update(scenario_sha256="0" * 64)),
    "another format": edit_json("certificate.json", lambda c: c.update(format=2)),
    "no digests": edit_json("certificate.json", lambda c: c.update(files={})),
    "certificate empty": edit_json("certificate.json", lambda c: c.clear()),
    "short vehicles hidden": edit_json("certificate.json", lambda c: c.update(missing_energy_kwh={})),
    "history better than the bound": lambda home: _edit_history(home, "primal", -1e3),
    "history bound above the cost": lambda home: _edit_history(home, "bound", 1e9),
    "scenario: headroom": edit_scenario("base_load", cell("load_kw", 3, lambda x: x - 0.01)),
    "scenario: trips": edit_scenario("trips", cell("energy_kwh", slice(None), lambda x: 0.9 * x)),
    "scenario: chargers": edit_scenario("dwells", cell("charger_kw", slice(None), lambda x: 1.01 * x)),
    "scenario: weights": edit_scenario("vehicles", cell("weight", 5, lambda x: x + 1)),
    "scenario: costs": edit_scenario("feeders", cell("upgrade_cost_per_kw", 0, lambda x: 1.001 * x)),
}


def _edit_history(home: Path, column: str, number: float) -> None:
    path = home / "result" / "history.csv"
    frame = pd.read_csv(path)
    frame.loc[1, column] = number
    frame.to_csv(path, index=False)


def fix_digests(result: Path) -> None:
    """What a careful forger does last."""
    path = result / "certificate.json"
    content = json.loads(path.read_text())
    for name in content.get("files", {}):
        content["files"][name] = hashlib.sha256((result / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(content))


def forged(honest: Path, home: Path, forge, fixed: bool) -> VerificationReport:
    shutil.copytree(honest, home)
    certificate = home / "result" / "certificate.json"
    before = {p.name: p.read_bytes() for p in sorted((home / "result").iterdir())}
    forge(home)
    after = {p.name: p.read_bytes() for p in sorted((home / "result").iterdir())}
    assert before != after, "nothing was forged"
    if fixed and certificate.is_file():
        fix_digests(home / "result")
    # The copy's own scenario, not the one at the old place.
    return verify(home / "result", scenario_folder=home / "scenario")


# --- tests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", [False, True], ids=["digests left", "digests fixed"])
@pytest.mark.parametrize("name", RUNS)
def test_forgery_is_caught(honest, tmp_path, name, fixed):
    """A forgery that passes would make the certificate worthless."""
    report = forged(honest, tmp_path / "copy", RUNS[name], fixed)
    assert not report.ok
    assert "NOT proved" in report.text()
    if fixed and name not in ("no digests", "certificate empty", "another format", "bound not a number"):
        assert all(check.passed for check in report.checks if check.name == "digests"), (
            "caught by digest only"
        )


@pytest.mark.parametrize("fixed", [False, True], ids=["digests left", "digests fixed"])
@pytest.mark.parametrize("column", ["vehicles", "feeders", "banks"])
def test_every_number_of_every_table_is_checked(honest, tmp_path, column, fixed):
    """A column that nobody recomputes could say anything."""
    names = pd.read_parquet(honest / "result" / f"{column}.parquet").select_dtypes("number").columns
    assert len(names) >= 5
    for name in names:
        forge = edit_table(f"{column}.parquet", cell(name, 0, lambda x: x + 0.01))
        report = forged(honest, tmp_path / name, forge, fixed)
        assert not report.ok, name


def test_every_figure_of_the_summary_is_checked(honest, tmp_path):
    """A figure that nobody recomputes could say anything."""
    figures = json.loads((honest / "result" / "summary.json").read_text())
    for name, figure in figures.items():
        other = figure + "x" if isinstance(figure, str) else figure * 1.01 + 1
        report = forged(
            honest,
            tmp_path / name,
            edit_json("summary.json", lambda s, name=name, other=other: s.update({name: other})),
            True,
        )
        assert [c.name for c in report.failures if name in c.name], name
        report = forged(
            honest,
            tmp_path / f"{name}-gone",
            edit_json("summary.json", lambda s, name=name: s.pop(name)),
            True,
        )
        assert not report.ok, f"{name} removed"


@pytest.mark.parametrize(
    "name", ["certificate.json", "loads.nc", SCHEDULE, SESSION, "soc.parquet", "history.csv"]
)
def test_a_missing_file_is_named(honest, tmp_path, name):
    """A save that was killed leaves files out; the user must learn which."""
    report = forged(honest, tmp_path / "copy", lambda home: (home / "result" / name).unlink(), False)
    assert not report.ok
    assert name in report.text()


def halve(scenario, plain, solved):
    solved["coordinated"].power *= 0.97


def overfill(scenario, plain, solved):
    most = np.array([p for v in plain for slots in v.steps for _, p in slots])
    solved["coordinated"].power = most


def overcharge(scenario, plain, solved):
    solved["coordinated"].power *= 1.3


def over_budget(scenario, plain, solved):
    solved["coordinated"].feeder_price *= 1.3


def below_zero(scenario, plain, solved):
    solved["coordinated"].feeder_price[0, 2] = -0.3


def other_sessions(scenario, plain, solved):
    solved["session"].power = solved["coordinated"].power


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (halve, "coordinated: state of charge never below"),
        (overfill, "coordinated: state of charge never above"),
        (overcharge, "coordinated: schedule rows"),
        (over_budget, "coordinated: prices of feeders keep their budget"),
        (below_zero, "coordinated: prices of feeders are not negative"),
        (other_sessions, "session: every dwell draws"),
    ],
)
def test_a_lie_consistent_throughout_is_caught(tmp_path, edit, words):
    """Where every file agrees with every other, only the vehicles' limits and the prices' rules tell."""
    folder = write_scenario_by_hand(tmp_path / "scenario")
    result = build(read_scenario(folder), rough=True, edit=edit)
    save(result, tmp_path / "result", scenario_folder=folder)
    report = verify(tmp_path / "result")
    assert any(check.name.startswith(words) for check in report.failures)
    assert all(words.split(":")[0] in check.name for check in report.failures[:1])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rough", [False, True])
def test_an_honest_result_passes(tmp_path, seed, rough):
    """A verifier that refuses true results is of no use."""
    folder = write_scenario_by_hand(tmp_path / "scenario", seed, csv=seed == 1)
    result = build(read_scenario(folder), rough=rough)
    save(result, tmp_path / "result", scenario_folder=folder)
    report = verify(tmp_path / "result")
    assert report.ok, report.text()
    assert report.upgrade_cost == pytest.approx(result.certificate.upgrade_cost)
    assert report.lower_bound_cost == pytest.approx(result.certificate.lower_bound_cost)
    assert "Proved" in report.text()


def test_folders_moved_together_still_pass(honest, tmp_path):
    """Results are handed on with their scenario: the relative path must be tried."""
    shutil.copytree(honest, tmp_path / "elsewhere")
    assert verify(tmp_path / "elsewhere" / "result").ok


def test_a_scenario_that_cannot_be_found_is_said(honest, tmp_path):
    """Without its scenario nothing can be proved, and the user must be told what to give."""
    shutil.copytree(honest / "result", tmp_path / "a" / "b" / "result")
    edit = edit_json("certificate.json", lambda c: c.update(scenario="../nowhere", scenario_absolute=None))
    edit(tmp_path / "a" / "b")
    report = verify(tmp_path / "a" / "b" / "result")
    assert not report.ok
    assert "give its folder with --scenario" in report.text()
    assert "not verified: the scenario was not found" in report.text()
    assert "NOT proved" not in report.text()
    (tmp_path / "a" / "b" / "result" / "history.csv").write_text("spoilt")
    assert "NOT proved" in verify(tmp_path / "a" / "b" / "result").text()


def test_the_wrong_scenario_is_refused(honest, tmp_path):
    """Verifying against another scenario would prove nothing about this one."""
    other = write_scenario_by_hand(tmp_path / "scenario", seed=5)
    report = verify(honest / "result", scenario_folder=other)
    assert [check.name for check in report.failures][:1] == ["scenario"]


def test_no_folder_at_all(tmp_path):
    """A mistyped path is answered in words."""
    assert "not a folder" in verify(tmp_path / "nothing").text()


def test_without_the_session_rung(tmp_path):
    """The session rung may be left out; then nothing may be claimed of it, and the rest must pass."""
    import dataclasses

    folder = write_scenario_by_hand(tmp_path / "scenario")
    full = build(read_scenario(folder))

    def without(mapping):
        return {key: each for key, each in mapping.items() if "session" not in key}

    names = [name for name in full.data.data_vars if "session" in str(name)]
    slim = dataclasses.replace(
        full,
        data=full.data.drop_vars(names),
        feeders=full.feeders[[c for c in full.feeders if "session" not in c]],
        banks=full.banks[[c for c in full.banks if "session" not in c]],
        certificates=without(full.certificates),
        statuses=without(full.statuses),
        schedules=without(full.schedules),
        figures=without(full.figures),
        history=full.history[full.history["rung"] != "session"],
    )
    save(slim, tmp_path / "result", scenario_folder=folder)
    report = verify(tmp_path / "result")
    assert report.ok, report.text()


@pytest.mark.parametrize("solver", ["newton", "admm"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_the_solver_hands_out_is_proved(tmp_path, seed, solver):
    """Solver, files and verifier are written from one contract: where they differ, one of them is wrong."""
    folder = write_scenario_by_hand(tmp_path / "scenario", seed)
    scenario = read_scenario(folder)
    result = coordinate(scenario, relative_gap=1e-3, solver=solver, threads=1)
    save(result, tmp_path / "result", scenario_folder=folder, soc=True)
    report = verify(tmp_path / "result")
    assert report.ok, report.text()
    # HiGHS's optimum of the same program lies in the bracket.
    plain = [plain_vehicle(scenario, i) for i in range(len(scenario.fleet))]
    optimum = solve(scenario, plain, session=False).objective
    slack = 1e-6 * (1.0 + optimum)
    assert report.lower_bound_cost - slack <= optimum <= report.upgrade_cost + slack


def test_a_result_stopped_early_is_proved_as_far_as_it_goes(tmp_path):
    """A wide gap is no fault of the files: what is claimed still has to hold, and is shown."""
    folder = write_scenario_by_hand(tmp_path / "scenario")
    result = coordinate(read_scenario(folder), relative_gap=1e-9, max_passes=3, session=False, threads=1)
    save(result, tmp_path / "result", scenario_folder=folder)
    report = verify(tmp_path / "result")
    assert report.ok, report.text()
    assert report.gap > 1e-6
    assert report.gap == pytest.approx(result.summary()["relative_gap"], rel=1e-6)
