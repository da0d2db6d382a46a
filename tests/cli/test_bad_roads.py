"""Bad roads, demand and stations in all their forms: each is one clear issue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bad_input_cases import Case
from tests.cli.bad_road_cases import ROAD_CASES
from tests.cli.test_bad_input import issues_of, judge
from tests.unit.io.importers.made_roads import NET, NODES, TRIPS, tntp
from tests.unit.io.small_roads import SmallRoads
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables


def test_there_are_eighty_cases() -> None:
    """The table of cases could shrink unnoticed."""
    assert len({case.name for case in ROAD_CASES}) == len(ROAD_CASES) >= 80


@pytest.mark.parametrize("case", ROAD_CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_bad_roads(case: Case, tmp_path: Path) -> None:
    """A user with this mistake would not learn where it is and what to do; frames and files say the same."""
    small = SmallRoads()
    case.spoil(small)
    folder = small.write(tmp_path / "scenario")
    judge(case, issues_of(lambda: read_scenario(folder)))
    judge(case, issues_of(lambda: scenario_from_tables(small.tables, small.config)))


def test_check_lists_roads_and_stations_at_once(tidewatt, tmp_path: Path) -> None:
    """`tidewatt check` would stop at the first table, or forget those of the roads."""
    small = SmallRoads().set("links", "capacity_veh_h", 0, -1).set("demand", "trips", 0, -1)
    small.set("stations", "normal", 1, 0)
    small.config["simulation"] = {"vehicles": 0}
    ended = tidewatt("check", small.write(tmp_path / "s"))
    assert ended.status == 2
    text = " ".join((ended.out + ended.err).split())
    for field in ("links.capacity_veh_h", "demand.trips", "stations.fast", "simulation.vehicles"):
        assert field in text
    assert tidewatt("check", SmallRoads().write(tmp_path / "sound")).status == 0


def test_a_file_that_is_not_toml_is_one_problem(tidewatt, tmp_path: Path) -> None:
    """A slip of the pen in scenario.toml would be told twice, the second time as a missing unit."""
    folder = SmallRoads().write(tmp_path / "s")
    (folder / "scenario.toml").write_text("name = 'streets\n")
    ended = tidewatt("check", folder)
    text = " ".join((ended.out + ended.err).split())
    assert ended.status == 2 and "1 problem found" in text and "not TOML" in text and "crs" not in text


def test_folders_that_are_no_results_are_called_what_they_are(tidewatt, tmp_path: Path) -> None:
    """Who names a scenario, or a study that was cut off, would be told of files that nobody writes."""
    scenario = SmallRoads().write(tmp_path / "s")
    cut_off = tmp_path / "cut_off"
    (cut_off / "checkpoint").mkdir(parents=True)
    (cut_off / "checkpoint" / "state.json").write_text("{}")
    for words, folder in (("is a scenario, not a result", scenario), ("--resume", cut_off)):
        for ended in (tidewatt("verify", folder), tidewatt("report", folder, "--out", tmp_path / "p")):
            text = " ".join((ended.out + ended.err).split())
            assert ended.status == 2 and words in text and "feeders.parquet" not in text


def test_an_import_of_roads_names_what_comes_next(tidewatt, tmp_path: Path) -> None:
    """It would send its user to a study that refuses roads without stations."""
    ended = tidewatt("import", "tntp", tntp(tmp_path), "--out", tmp_path / "s", "--node-unit", "km")
    assert ended.status == 0
    assert f"import stations FILE --into {tmp_path / 's'}" in " ".join(ended.err.split())
    assert "tidewatt assign" in ended.err and "tidewatt simulate" not in ended.err


def test_coordinate_of_roads_alone(tidewatt, tmp_path: Path) -> None:
    """The program would end in a traceback, or with a result about no vehicles."""
    folder = SmallRoads().write(tmp_path / "s")
    ended = tidewatt("coordinate", folder, "--out", tmp_path / "r")
    assert ended.status == 2 and "needs vehicles, dwells, trips and feeders" in " ".join(ended.err.split())
    assert not (tmp_path / "r").exists()


def spoilt(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


ROW = "4 5 48000 1.5 1 0.15 4 90 25 1 ;"


def net(old: str, new: str) -> dict[str, str | None]:
    return {"net": spoilt(NET, old, new)}


def trips(old: str, new: str) -> dict[str, str | None]:
    return {"trips": spoilt(TRIPS, old, new)}


FIRST = "<FIRST THRU NODE> 3\n"
SUM = ("sum to 607.5", "says 1,007.5", "cut off")
BAD_FILES: dict[str, tuple[dict[str, str | None], tuple[str, ...]]] = {
    "cut off": ({"net": NET[: NET.index(ROW)]}, ("6 links", "says 12", "cut off")),
    "cut off in a row": ({"net": NET[: NET.index(ROW) + 12]}, ("line 15", "4 figures", "says 12")),
    "row garbled": (net(ROW, "4 5 48OOO 1.5 1 0.15 4 90 25 1 ;"), ("line 15", "48OOO")),
    "decimal commas": (net(ROW, "4 5 48000 1,5 1 0,15 4 90 25 1 ;"), ("line 15", "12 figures")),
    "capacity not a number": (net(ROW, "4 5 nan 1.5 1 0.15 4 90 25 1 ;"), ("line 15", "nan")),
    "negative capacity": (net("48000", "-48000"), ("capacity_veh_h", "[7]", "-48000")),
    "zero time on a through link": (net("1.5 1 0.15", "1.5 0 0.15"), ("free_time_min", "[7]")),
    "negative time": (net("1.5 1 0.15", "1.5 -1 0.15"), ("free_time_min", "found -1")),
    "node beyond the number": (net("\n4 5 ", "\n4 9 "), ("term_node", "node 9", "1 to 6")),
    "node and a half": (net("\n4 5 ", "\n4 5.5 "), ("line 15", "5.5", "whole numbers")),
    "no zones": (net("<NUMBER OF ZONES> 2\n", ""), ("<NUMBER OF ZONES>", "missing")),
    "zones in words": (net("ZONES> 2", "ZONES> two"), ("<NUMBER OF ZONES>", "'two'")),
    "no first through node": (net(FIRST, ""), ("FIRST THRU NODE", "1 if it may pass all")),
    "more zones than nodes": (net("ZONES> 2", "ZONES> 20"), ("20 zones", "6 nodes")),
    "empty file": ({"net": ""}, ("made_net.tntp", "empty")),
    "head alone": ({"net": NET[: NET.index("~ init")]}, ("no links", "init_node")),
    "bytes": ({"net": NET + "\0\0"}, ("NUL bytes",)),
    "a page in place of the file": ({"net": "<!DOCTYPE html><html>404</html>"}, ("made_net.tntp", "missing")),
    "trips of another network": (trips("ZONES> 2", "ZONES> 24"), ("24 zones", "has 2")),
    "trips to nowhere": (trips("2 : 600.0", "7 : 600.0"), ("destination", "zone 7", "1 to 2")),
    "trips cut off": ({"trips": TRIPS[: TRIPS.index("Origin 2")]}, SUM),
    "trips garbled": (trips("2 : 600.0 ;", "2 = 600.0 ;"), ("line 6", "2 = 600.0")),
    "trips without origin": (trips("Origin 1\n", ""), ("line 5", "Origin")),
    "negative trips": (trips("2 : 600.0", "2 : -600.0"), ("-600 trips", "1 to 2")),
    "trips empty": ({"trips": "  \n"}, ("made_trips.tntp", "empty")),
    "nodes garbled": ({"nodes": spoilt(NODES, "3 0 100", "3 zero 100")}, ("line 4", "zero")),
    "nodes cut off": ({"nodes": NODES[:-9]}, ("line 7", "no node with coordinates")),
}


@pytest.mark.parametrize("name", list(BAD_FILES))
def test_bad_tntp(name: str, tidewatt, tmp_path: Path) -> None:
    """A damaged file would end in a traceback, or in another network than the one meant."""
    files, says = BAD_FILES[name]
    folder = tntp(tmp_path / "made", **files)
    ended = tidewatt("import", "tntp", folder, "--out", tmp_path / "s", "--node-unit", "m", columns=500)
    assert ended.status == 2, ended.out
    assert "Traceback" not in ended.err and all(word in ended.err for word in says), ended.err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--length-unit", "yards"), ("--length-unit", "'yards'", "km, m, mi, ft")),
        (("--time-unit", "0h"), ("--time-unit", "'0h'")),
        (("--node-unit", "somewhere"), ("--node-unit", "'somewhere'", "degrees")),
        (("--capacity-period-h", "0"), ("--capacity-period-h", "0 given")),
        (("--toll-weight", "-1", "--trips-per-day", "0"), ("--toll-weight", "--trips-per-day", "2 problems")),
        (("--repair", "mend"), ("mend", "none", "drop", "connect")),
    ],
)
def test_bad_options_of_tntp(words: tuple[str, ...], says: tuple[str, ...], tidewatt, tmp_path: Path) -> None:
    """A mistyped unit would be taken for some other one."""
    ended = tidewatt("import", "tntp", tntp(tmp_path / "made"), "--out", tmp_path / "s", *words, columns=500)
    assert ended.status == 2 and all(word in ended.err for word in says), ended.err


def test_imports_end_with_their_report(tidewatt, tmp_path: Path) -> None:
    """A user would not see what an import assumed, or which command comes next."""
    folder = tntp(tmp_path / "made")
    ended = tidewatt("import", "tntp", folder, "--out", tmp_path / "s", "--node-unit", "m", columns=500)
    assert ended.status == 0
    assert "assumed: the unit of length is km" in ended.out and "12 links between 6 nodes" in ended.out
    assert f"tidewatt assign {tmp_path / 's'}" in ended.err
    again = tidewatt("import", "tntp", folder, "--out", tmp_path / "s")
    assert again.status == 2 and "--overwrite" in again.err
