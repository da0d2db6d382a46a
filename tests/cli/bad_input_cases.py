"""Ways to spoil a scenario, and what the message must say of each."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.io.small_scenario import STEPS, Small


@dataclass(frozen=True)
class Case:
    """One way to spoil a scenario and what the issue must say.

    `spoil` changes the tables before they are written, `damage` the folder afterwards. `says` are
    fragments of the message, `who` an id among the first few; `others` issues may come along as
    consequences.
    """

    name: str
    table: str
    column: str
    says: tuple[str, ...]
    who: str = ""
    spoil: Callable[[Small], object] = lambda small: None
    damage: Callable[[Path], object] = lambda folder: None
    others: int = 0
    tags: tuple[str, ...] = field(default=())


CASES: list[Case] = []


def cell(
    name: str,
    table: str,
    column: str,
    row: int,
    value: object,
    says: tuple[str, ...],
    who: str,
    others: int = 0,
) -> None:
    """One cell holds a wrong value."""
    spoil = lambda small: small.set(table, column, row, value)  # noqa: E731
    CASES.append(Case(name, table, column, says, who, spoil, others=others, tags=("frames",)))


def change(
    name: str, table: str, column: str, says: tuple[str, ...], spoil, who: str = "", others: int = 0
) -> None:
    """The tables are changed in some other way."""
    CASES.append(Case(name, table, column, says, who, spoil, others=others, tags=("frames",)))


def files(name: str, table: str, says: tuple[str, ...], damage, column: str = "", others: int = 0) -> None:
    """The written files are damaged."""
    CASES.append(Case(name, table, column, says, "", damage=damage, others=others))


def config(name: str, key: str, value: object, says: tuple[str, ...], others: int = 0) -> None:
    """``scenario.toml`` holds a wrong value; None removes the key."""

    def spoil(small: Small) -> None:
        *sections, last = key.split(".")
        place = small.config
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]
        if value is None:
            del place[last]
        else:
            place[last] = value

    CASES.append(Case(name, "scenario.toml", key, says, "", spoil, others=others, tags=("frames",)))


# Vehicles -------------------------------------------------------------------------------------------
v = "vehicles"
cell("battery of zero", v, "battery_kwh", 0, 0, ("found 0", "above 0"), "V1")
cell("negative battery", v, "battery_kwh", 1, -40, ("found -40", "above 0"), "V2")
cell("infinite battery", v, "battery_kwh", 1, np.inf, ("found inf",), "V2")
cell("battery left empty", v, "battery_kwh", 2, None, ("empty", "kWh above 0"), "V3")
cell("battery in words", v, "battery_kwh", 0, "sixty", ("'sixty'", "number"), "V1")
cell("battery with its unit", v, "battery_kwh", 0, "60 kWh", ("'60 kWh'", "units"), "V1")
cell("decimal comma", v, "battery_kwh", 1, "40,5", ("'40,5'", "decimal point"), "V2")
cell("thousands separators", v, "battery_kwh", 1, "1.040,5", ("'1.040,5'", "decimal point"), "V2")
cell("battery unknown", v, "battery_kwh", 1, "N/A", ("'N/A'", "Fill the cell"), "V2")
cell("soc above one", v, "soc_initial", 0, 1.2, ("found 1.2", "0 to 1"), "V1")
cell("soc in percent", v, "soc_initial", 2, 80, ("found 80", "0.8 for 80 %"), "V3")
cell("soc with percent sign", v, "soc_initial", 2, "80%", ("'80%'", "fraction"), "V3")
cell("negative soc", v, "soc_initial", 0, -0.1, ("found -0.1", "0 to 1"), "V1")
cell("soc_min above one", v, "soc_min", 0, 1.5, ("found 1.5", "0 to 1"), "V1")
cell("soc_max above one", v, "soc_max", 0, 100, ("found 100", "0 to 1"), "V1")
cell("soc_min above soc_max", v, "soc_min", 1, 0.95, ("0.95 is above soc_max 0.9",), "V2")
cell("soc_initial above soc_max", v, "soc_initial", 1, 0.95, ("0.95 is above soc_max 0.9", "Lower"), "V2")
cell("soc_final_min above soc_max", v, "soc_final_min", 2, 1, ("1 is above soc_max 0.9",), "V3")
cell("negative soc_final_min", v, "soc_final_min", 2, -1, ("found -1", "0 to 1"), "V3")
cell("efficiency of zero", v, "charge_efficiency", 0, 0, ("found 0", "at most 1"), "V1")
cell("efficiency above one", v, "charge_efficiency", 0, 1.1, ("found 1.1", "at most 1"), "V1")
cell("efficiency in percent", v, "charge_efficiency", 0, 90, ("found 90", "0.9 for 90 %"), "V1")
cell("no charging power", v, "max_charge_kw", 0, 0, ("found 0", "inf for no limit"), "V1")
cell("negative charging power", v, "max_charge_kw", 1, -7, ("found -7", "above 0"), "V2")
cell("weight of zero", v, "weight", 0, 0, ("found 0", "how many vehicles"), "V1")
cell("negative weight", v, "weight", 2, -2, ("found -2",), "V3")
cell("infinite weight", v, "weight", 2, np.inf, ("found inf",), "V3")
cell("discharge efficiency above one", v, "discharge_efficiency", 1, 2, ("found 2",), "V2")
cell("negative discharging power", v, "max_discharge_kw", 1, -1, ("found -1",), "V2")
cell("duplicate vehicle", v, "vehicle_id", 1, "V1", ("more than once",), "V1", others=2)
cell("duplicate but for a space", v, "vehicle_id", 1, "V1 ", ("more than once",), "V1", others=2)
cell("vehicle without id", v, "vehicle_id", 2, None, ("empty",), "row 3", others=1)
cell("vehicle called nan", v, "vehicle_id", 2, "nan", ("missing value",), "nan", others=1)
change("no column vehicle_id", v, "vehicle_id", ("missing",), lambda s: s.tables[v].pop("vehicle_id"))
change(
    "no column battery_kwh", v, "battery_kwh", ("missing", "kWh"), lambda s: s.tables[v].pop("battery_kwh")
)
cell("misspelt column", v, "battery_kw", 0, 1, ("unknown", "did you mean 'battery_kwh'"), "")
cell("discharge column misspelt", v, "max_discharge", 0, 1, ("unknown", "max_discharge_kw"), "")
change("no vehicles", v, "", ("no rows",), lambda s: s.tables.update(vehicles=s.tables[v].iloc[:0]))
change("no table vehicles", v, "", ("missing", "vehicles.parquet"), lambda s: s.tables.pop(v))

# Dwells ---------------------------------------------------------------------------------------------
d = "dwells"
cell("dwell of an unknown vehicle", d, "vehicle_id", 5, "V33", ("'V33'", "did you mean 'V3'"), "V33 (row 6)")
cell("dwell of no vehicle", d, "vehicle_id", 5, None, ("empty",), "row 6")
cell("dwell on an unknown feeder", d, "feeder_id", 0, "F11", ("'F11'", "did you mean 'F1'"), "V1 (row 1)")
cell("arrival left empty", d, "arrive_min", 1, None, ("empty", "minutes"), "V1 (row 2)")
cell("arrival as time of day", d, "arrive_min", 1, "08:30", ("'08:30'", "minutes since"), "V1 (row 2)")
cell("arrival as date", d, "arrive_min", 1, "2027-01-11 08:30", ("minutes since",), "V1 (row 2)")
cell("arrival before the horizon", d, "arrive_min", 0, -30, ("found -30", "0 to 1440"), "V1 (dwell 0)")
cell("departure after the horizon", d, "depart_min", 5, 1500, ("found 1500", "0 to 1440"), "V3 (dwell 0)")
cell("infinite departure", d, "depart_min", 5, np.inf, ("found inf",), "V3 (dwell 0)")


def _backwards(s: Small) -> None:
    s.set(d, "arrive_min", 5, 900).set(d, "depart_min", 5, 300)


change(
    "departure before arrival", d, "depart_min", ("300 is before arrive_min 900",), _backwards, "V3 (dwell 0)"
)
change(
    "overlapping dwells",
    d,
    "arrive_min",
    ("from 510 overlaps", "ends at 515"),
    lambda s: s.set(d, "depart_min", 0, 515),
    "V1 (dwell 1)",
    others=1,
)
cell("negative charger", d, "charger_kw", 0, -7.4, ("found -7.4", "0 or more"), "V1 (dwell 0)")
cell("infinite charger", d, "charger_kw", 0, np.inf, ("found inf",), "V1 (dwell 0)")
cell("charger left empty", d, "charger_kw", 0, None, ("empty", "0 where there is no charger"), "V1 (row 1)")
cell("charger with its unit", d, "charger_kw", 0, "7.4kW", ("'7.4kW'", "units"), "V1 (row 1)")
change("dwell written twice", d, "arrive_min", ("overlaps",), lambda s: _twice(s, d, 5), "V3 (dwell 1)")
change("no column feeder_id", d, "feeder_id", ("missing", "feeder"), lambda s: s.tables[d].pop("feeder_id"))
change("no column charger_kw", d, "charger_kw", ("missing", "kW"), lambda s: s.tables[d].pop("charger_kw"))
cell("column charger_power_kw", d, "charger_power_kw", 0, 1, ("unknown", "x_"), "")
change("no dwells", d, "", ("no rows",), lambda s: s.tables.update(dwells=s.tables[d].iloc[:0]))
change("no table dwells", d, "", ("missing", "dwells.csv"), lambda s: s.tables.pop(d))


def _twice(s: Small, table: str, row: int) -> None:
    frame = s.tables[table]
    s.tables[table] = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)


# Trips ----------------------------------------------------------------------------------------------
t = "trips"
cell("trip of an unknown vehicle", t, "vehicle_id", 2, "Y2", ("'Y2'", "did you mean 'V2'"), "Y2 (row 3)")
cell("trip before it departs", t, "arrive_min", 2, 500, ("500 is before depart_min 540",), "V2 (trip 0)")
cell("negative energy", t, "energy_kwh", 0, -5, ("found -5", "0 or more"), "V1 (trip 0)")
cell("infinite energy", t, "energy_kwh", 0, np.inf, ("found inf",), "V1 (trip 0)")
cell("negative distance", t, "distance_km", 0, -12, ("found -12", "0 or more"), "V1 (trip 0)")
cell("energy left empty", t, "energy_kwh", 0, None, ("empty", "kWh"), "V1 (row 1)")
cell("energy in words", t, "energy_kwh", 0, "five", ("'five'",), "V1 (row 1)")
cell("trip leaves before its dwell ends", t, "depart_min", 2, 530, ("overlaps its dwell",), "V2 (trip 0)")
cell("trip arrives in the next dwell", t, "arrive_min", 2, 630, ("overlaps its dwell",), "V2 (trip 0)")
cell("overlapping trips", t, "depart_min", 1, 500, ("overlaps the one before",), "V1 (trip 1)", others=1)
cell("trip after the horizon", t, "arrive_min", 1, 1500, ("found 1500", "0 to 1440"), "V1 (trip 1)", others=1)
cell("trip before the horizon", t, "depart_min", 2, -10, ("found -10",), "V2 (trip 0)", others=1)
change("trip written twice", t, "depart_min", ("overlaps",), lambda s: _twice(s, t, 2), "V2 (trip 1)")
change("no column energy_kwh", t, "energy_kwh", ("missing", "kWh"), lambda s: s.tables[t].pop("energy_kwh"))
cell("column energy", t, "energy", 0, 1, ("unknown", "'energy'"), "")
change("no trips", t, "", ("no rows",), lambda s: s.tables.update(trips=s.tables[t].iloc[:0]))
change("no table trips", t, "", ("missing", "trips.csv"), lambda s: s.tables.pop(t))

# Feeders and banks ----------------------------------------------------------------------------------
f, b = "feeders", "banks"
cell("duplicate feeder", f, "feeder_id", 1, "F1", ("more than once",), "F1", others=2)
cell("feeder without id", f, "feeder_id", 1, None, ("empty",), "row 2", others=2)
cell("unknown bank", f, "bank_id", 0, "B11", ("'B11'", "did you mean 'B1'"), "F1")
cell("negative rating", f, "rating_kw", 0, -20, ("found -20", "0 or more"), "F1")
cell("infinite rating", f, "rating_kw", 0, np.inf, ("found inf",), "F1", others=1)
cell("rating in words", f, "rating_kw", 0, "CC", ("'CC'",), "F1", others=1)
cell("negative cost", f, "upgrade_cost_per_kw", 1, -1, ("found -1", "0 or more"), "F2")
cell("infinite cost", f, "upgrade_cost_per_kw", 1, np.inf, ("found inf", "finite"), "F2")
cell("column rating", f, "rating", 0, 1, ("unknown", "'rating'"), "")
change("no feeders", f, "", ("no rows",), lambda s: s.tables.update(feeders=s.tables[f].iloc[:0]), others=1)
change("no table feeders", f, "", ("missing", "feeders.csv"), lambda s: s.tables.pop(f), others=1)
change("no table banks", f, "bank_id", ("'B1'", "banks"), lambda s: s.tables.pop(b), "F1")
change("duplicate bank", b, "bank_id", ("more than once",), lambda s: _twice(s, b, 0), "B1")
cell("negative bank rating", b, "rating_kw", 0, -1, ("found -1",), "B1")
cell("negative bank cost", b, "upgrade_cost_per_kw", 0, -3, ("found -3",), "B1")
change(
    "bank with neither rating nor headroom",
    "headroom",
    "bank_id",
    ("headroom is missing", "rating_kw"),
    lambda s: s.set(b, "rating_kw", 0, None),
    "B1",
)

# Headroom, base load, costs -------------------------------------------------------------------------
h = "headroom"
cell("headroom of an unknown feeder", h, "feeder_id", 0, "G1", ("'G1'", "did you mean"), "G1", others=1)
cell("step after the horizon", h, "step", 23, 24, ("step 24", "0 to 23"), "F1 (row 24)", others=1)
cell("negative step", h, "step", 0, -1, ("step -1", "0 to 23"), "F1 (row 1)", others=1)
cell("step and a half", h, "step", 3, 1.5, ("step 1.5", "whole numbers"), "F1 (row 4)", others=1)
cell("step left empty", h, "step", 3, None, ("empty",), "F1 (row 4)", others=1)
cell("step in words", h, "step", 3, "three", ("'three'",), "F1 (row 4)", others=1)
cell("step given twice", h, "step", 3, 2, ("step 2 of feeder F1",), "F1 (row 3)", others=1)
cell("headroom of minus infinity", h, "headroom_kw", 30, -np.inf, ("found -inf",), "F2 step 6")
cell("headroom left empty", h, "headroom_kw", 30, None, ("empty",), "F2 (row 31)")
cell("headroom in words", h, "headroom_kw", 30, "none", ("'none'",), "F2 (row 31)")
cell("feeder and bank in one row", h, "bank_id", 0, "B1", ("both given",), "F1 (row 1)", others=2)
cell("neither feeder nor bank", h, "feeder_id", 0, None, ("both empty",), "row 1", others=1)
change("no column step", h, "step", ("missing",), lambda s: s.tables[h].pop("step"), others=1)
change("no table headroom", h, "", ("missing", "base_load"), lambda s: s.tables.pop(h))
change("no headroom rows", h, "", ("no rows",), lambda s: s.tables.update(headroom=s.tables[h].iloc[:0]))


def _without(s: Small, table: str, rows: list[int]) -> None:
    s.tables[table] = s.tables[table].drop(index=rows)


def _from_one(s: Small) -> None:
    s.tables[h]["step"] += 1


change(
    "steps counted from one", h, "step", ("step 24", "first step is 0"), _from_one, "F1 (row 24)", others=1
)
change("step missing", h, "step", ("F2 lacks 1 of 24 steps (1)",), lambda s: _without(s, h, [25]), "F2")
change(
    "feeder headroom is missing",
    h,
    "feeder_id",
    ("headroom is missing", "rating_kw"),
    lambda s: _without(s, h, list(range(STEPS))),
    "F1",
)
l = "base_load"  # noqa: E741


def base(s: Small) -> Small:
    """The scenario described by ratings and base load."""
    return s.use_base_load()


change(
    "base load of an unknown feeder",
    l,
    "feeder_id",
    ("'F9'",),
    lambda s: base(s).set(l, "feeder_id", 0, "F9"),
    "F9",
    1,
)
change(
    "base load infinite",
    l,
    "load_kw",
    ("found inf",),
    lambda s: base(s).set(l, "load_kw", 0, np.inf),
    "F1 step 0",
    2,
)
change(
    "base load in words",
    l,
    "load_kw",
    ("'high'",),
    lambda s: base(s).set(l, "load_kw", 0, "high"),
    "F1 (row 1)",
)
change(
    "base load step twice",
    l,
    "step",
    ("several rows",),
    lambda s: base(s).set(l, "step", 1, 0),
    "F1 (row 1)",
    1,
)
change("base load step missing", l, "step", ("F1 lacks 1",), lambda s: _without(base(s), l, [0]), "F1", 1)
change(
    "base load but no rating",
    h,
    "feeder_id",
    ("rating_kw",),
    lambda s: base(s).set(f, "rating_kw", 0, None),
    "F1",
    1,
)
u = "upgrade_costs"


def pieces(column: str, row: int, value: object) -> Callable[[Small], object]:
    """One wrong cell among costs in pieces."""
    return lambda s: s.use_pieces().set(u, column, row, value)


change("falling cost", u, "cost_per_kw", ("falls from 1 to 0.5", "4 kW"), pieces("cost_per_kw", 1, 0.5), "F1")
change("falling cost of a bank", u, "cost_per_kw", ("falls from 2 to 1",), pieces("cost_per_kw", 3, 1), "B1")
change("negative piece", u, "cost_per_kw", ("found -1",), pieces("cost_per_kw", 0, -1), "F1")
change("infinite piece", u, "cost_per_kw", ("found inf",), pieces("cost_per_kw", 1, np.inf), "F1")
change("first piece above zero", u, "above_kw", ("found 1", "0 in the first"), pieces("above_kw", 0, 1), "F1")
change("piece given twice", u, "above_kw", ("found 0", "above the row"), pieces("above_kw", 3, 0), "B1")
change("cost of an unknown feeder", u, "feeder_id", ("'F7'",), pieces("feeder_id", 0, "F7"), "F7", others=1)
change(
    "cost of feeder and bank",
    u,
    "bank_id",
    ("both given",),
    pieces("bank_id", 1, "B1"),
    "F1 (row 2)",
    others=1,
)
change("cost of nothing", u, "feeder_id", ("both empty",), pieces("bank_id", 3, None), "row 4")

# scenario.toml --------------------------------------------------------------------------------------
config("no horizon", "horizon", None, ("missing", "[horizon]"))
config("no start", "horizon.start", None, ("missing",))
config("no step length", "horizon.step_min", None, ("missing",))
config("start with an offset", "horizon.start", "2027-01-11T00:00:00+01:00", ("offset", "local time"))
config("start is no date", "horizon.start", "Monday", ("'Monday'",))
config("step length of zero", "horizon.step_min", 0, ("0", "greater than 0"), others=9)
config("negative step length", "horizon.step_min", -15, ("-15", "greater than 0"))
config("step length in words", "horizon.step_min", "15 min", ("'15 min'", "number"))
config("step length nan", "horizon.step_min", float("nan"), ("nan",))
config("step length true", "horizon.step_min", True, ("True", "number"))
config("no steps", "horizon.steps", 0, ("0", "greater than 0"))
config("fraction of a step", "horizon.steps", 24.5, ("24.5", "integer"))
config("too many steps", "horizon.steps", 10**15, ("less than",))
config("unknown section", "horizont", {"steps": 24}, ("unknown key 'horizont'", "'horizon'"))
config("unknown key of the horizon", "horizon.step", 24, ("unknown key 'step'", "'steps'"))
config("unknown key of the study", "coordination.relativ_gap", 1e-3, ("unknown option", "'relative_gap'"))
config("unknown key of the sampling", "sampling.adoptoin", 0.3, ("unknown key", "'adoption'"))
config("unknown solver", "coordination.solver", "newtn", ("'newtn'", "Give newton or admm"))
config("negative gap", "coordination.relative_gap", -0.1, ("-0.1", "from 0 to 1"))
config("gap above one", "coordination.relative_gap", 5.0, ("found 5", "from 0 to 1"))
config("negative absolute gap", "coordination.absolute_gap", -1, ("-1", "from 0 to 1"))
config("negative time limit", "coordination.time_limit_s", -5, ("-5", "0 s or more"))
config("negative threads", "coordination.threads", -1, ("-1", "from 0 to 4,096"))
config("negative shards", "coordination.shards", -1, ("-1", "whole number from 0"))
config("negative seed", "coordination.seed", -1, ("whole number from 0",))
config("half a pass", "coordination.max_passes", 1.5, ("1.5", "whole number"))
config("session in words", "coordination.session", "yes", ("'yes'", "Give true or false"))
config("study is no section", "coordination", 5, ("5", "It should be a valid section"))
config("adoption in percent", "sampling.adoption", 30, ("30", "less than or equal to 1"))
config("no vehicles in all", "sampling.vehicles_total", 0, ("greater than 0",))
config("name is a number", "name", 7, ("7", "string"))

# Files ----------------------------------------------------------------------------------------------


def text(name: str, change_text: Callable[[str], str], encoding: str = "utf-8") -> Callable[[Path], object]:
    """Rewrite a file's text."""

    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change_text(path.read_text("utf-8")).encode(encoding))

    return damage


def raw(name: str, change_bytes: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Rewrite a file's bytes."""

    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change_bytes(path.read_bytes()))

    return damage


def parquet(name: str, change_bytes: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Replace a CSV file by a Parquet file with changed bytes."""

    def damage(folder: Path) -> None:
        path = folder / f"{name}.parquet"
        pd.read_csv(folder / f"{name}.csv").to_parquet(path, index=False)
        path.write_bytes(change_bytes(path.read_bytes()))

    return damage


def typed(name: str, column: str, values: pa.Array) -> Callable[[Path], object]:
    """Replace a CSV file by a Parquet file with one column of a wrong type."""

    def damage(folder: Path) -> None:
        table = pa.Table.from_pandas(pd.read_csv(folder / f"{name}.csv"), preserve_index=False)
        table = table.set_column(table.column_names.index(column), column, values)
        pq.write_table(table, folder / f"{name}.parquet")

    return damage


def _folder_instead(folder: Path) -> None:
    (folder / "trips.csv").unlink()
    (folder / "trips.csv").mkdir()


toml = "scenario.toml"
files("no scenario.toml", toml, ("missing", "[horizon]"), lambda p: (p / toml).unlink())
files("scenario.toml misnamed", toml, ("Rename config.toml",), lambda p: (p / toml).rename(p / "config.toml"))
files("scenario.toml empty", toml, ("missing",), raw(toml, lambda x: b""), column="horizon")
files("scenario.toml broken", toml, ("not TOML", "line"), text(toml, lambda x: x.replace("=", ":", 1)))
files("scenario.toml in UTF-16", toml, ("UTF-8",), text(toml, str, "utf-16"))
files(
    "scenario.toml in Latin-1", toml, ("UTF-8",), text(toml, lambda x: x.replace("small", "größe"), "latin-1")
)
files("key given twice", toml, ("not TOML",), text(toml, lambda x: x + "\n[horizon]\nsteps = 3\n"))
files("CSV empty", "trips.csv", ("empty",), raw("trips.csv", lambda x: b""))
files("CSV of blank lines", "trips.csv", ("empty",), raw("trips.csv", lambda x: b"\n \n\n"))
files("CSV with header alone", "trips", ("no rows",), text("trips.csv", lambda x: x.splitlines()[0] + "\n"))
files("CSV in UTF-16", "dwells.csv", ("UTF-16", "UTF-8"), text("dwells.csv", str, "utf-16"))
files("CSV in UTF-16 without mark", "dwells.csv", ("UTF-16",), text("dwells.csv", str, "utf-16-le"))
files(
    "CSV in Latin-1",
    "dwells.csv",
    ("line 3", "0xe9"),
    text("dwells.csv", lambda x: x.replace("work", "café"), "latin-1"),
)
files("CSV with NUL bytes", "trips.csv", ("NUL bytes",), raw("trips.csv", lambda x: x + b"\0\0\0"))
files("CSV is a spreadsheet", "trips.csv", ("spreadsheet",), raw("trips.csv", lambda x: b"PK\x03\x04" + x))
files("CSV is compressed", "trips.csv", ("compressed",), raw("trips.csv", gzip.compress))
files("CSV is Parquet", "trips.csv", ("trips.parquet",), raw("trips.csv", lambda x: b"PAR1" + x))
files("CSV is a folder", "trips.csv", ("folder",), _folder_instead)
files("row too short", "trips", ("2 cells rather than 4",), text("trips.csv", lambda x: x + "V3,5\n"))
files(
    "row too long",
    "trips",
    ("6 cells rather than 4", "V3"),
    text("trips.csv", lambda x: x + "V3,5,6,7,5,0\n"),
)
files(
    "no header",
    "trips",
    ("'480.0'", "Begin with a line of column names"),
    text("trips.csv", lambda x: x.split("\n", 1)[1]),
)
files(
    "column twice",
    "trips",
    ("more than once",),
    text(
        "trips.csv",
        lambda x: "".join(f"{r},1\n" if i else f"{r},energy_kwh\n" for i, r in enumerate(x.split())),
    ),
    "energy_kwh",
)
files(
    "misnamed table",
    "trip.csv",
    ("'trip'", "did you mean 'trips'"),
    lambda p: (p / "trips.csv").rename(p / "trip.csv"),
    others=1,
)
files("Parquet truncated", "trips.parquet", ("truncated",), parquet("trips", lambda x: x[: len(x) // 2]))
files("Parquet without its last byte", "trips.parquet", ("truncated",), parquet("trips", lambda x: x[:-1]))
files("Parquet empty", "trips.parquet", ("empty",), parquet("trips", lambda x: b""))
files(
    "Parquet is CSV",
    "trips.parquet",
    ("not a Parquet file", "trips.csv"),
    parquet("trips", lambda x: b"vehicle_id,depart_min\n1,2\n"),
)
stamps = pa.array(pd.to_datetime(["2027-01-11 08:00"] * 3))
files(
    "Parquet with dates",
    "trips",
    ("timestamp", "minutes since"),
    typed("trips", "depart_min", stamps),
    "depart_min",
)
truths = pa.array([True, False, True])
files("Parquet with truth values", "trips", ("bool",), typed("trips", "energy_kwh", truths), "energy_kwh")
lists = pa.array([["V1"], ["V1"], ["V2"]])
files("Parquet with lists", "trips", ("lists",), typed("trips", "vehicle_id", lists), "vehicle_id", others=1)
list_numbers = pa.array([[1.0], [2.0], [3.0]])
files(
    "Parquet with lists of numbers",
    "trips",
    ("list",),
    typed("trips", "energy_kwh", list_numbers),
    "energy_kwh",
)
