"""Ways to spoil a scenario of tariffs, and what the message must say of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.cli.bad_input_cases import Case
from tests.unit.io.small_tariffs import STEPS, SmallTariffs

TARIFF_CASES: list[Case] = []


def cell(
    name: str,
    table: str,
    column: str,
    row: int,
    value: object,
    says: tuple[str, ...],
    who: str = "",
    others: int = 0,
) -> None:
    """One cell holds a wrong value."""
    change(name, table, column, says, lambda small: small.set(table, column, row, value), who, others)


def change(
    name: str,
    table: str,
    column: str,
    says: tuple[str, ...],
    spoil: Callable[[SmallTariffs], object],
    who: str = "",
    others: int = 0,
) -> None:
    """The tables or ``scenario.toml`` are changed in some other way."""
    TARIFF_CASES.append(Case(name, table, column, says, who, spoil, others=others))  # type: ignore[arg-type]


def key(name: str, field: str, value: object, says: tuple[str, ...], others: int = 0) -> None:
    """``[tariff]`` holds a wrong value."""
    spoil = lambda small: small.config["tariff"].update({field: value})  # noqa: E731
    change(name, "scenario.toml", f"tariff.{field}", says, spoil, others=others)


def drop(table: str, column: str = "") -> Callable[[SmallTariffs], object]:
    """Without a table, or without a column of it."""
    return lambda s: s.tables[table].pop(column) if column else s.tables.pop(table)


def cut(table: str, keep: Callable[[pd.DataFrame], object]) -> Callable[[SmallTariffs], object]:
    """Only some rows of a table."""

    def spoil(small: SmallTariffs) -> None:
        frame = small.tables[table]
        small.tables[table] = frame[keep(frame)].reset_index(drop=True)  # type: ignore[index]

    return spoil


def add(table: str, **row: object) -> Callable[[SmallTariffs], object]:
    """One row more, the last one with some cells changed."""

    def spoil(small: SmallTariffs) -> None:
        frame = small.tables[table]
        more = frame.iloc[-1:].assign(**row)
        small.tables[table] = pd.concat([frame, more], ignore_index=True)

    return spoil


def renamed(table: str, old: str, new: str) -> Callable[[SmallTariffs], object]:
    """A column under another name."""
    return lambda s: s.tables.update({table: s.tables[table].rename(columns={old: new})})


def constant(table: str, owner: str, name: str) -> Callable[[SmallTariffs], object]:
    """Rows of one owner for the first step only."""
    return cut(table, lambda f: (f[owner] != name) | (f.step == 0))


# Which tables there are -----------------------------------------------------------------------------
for _table in (
    "charger_levels",
    "aggregators",
    "travel",
    "energy_prices",
    "buses",
    "lines",
    "nodes",
    "links",
):
    change(f"no {_table}", _table, "", ("missing", f"{_table}.parquet"), drop(_table))
change("no sites", "charging_sites", "", ("missing", "chargers"), drop("charging_sites"))
change("forecasts of nothing", "injections", "", ("missing", "kind, step, power_kw"), drop("injections"))
change(
    "misspelt table",
    "agregators.csv",
    "",
    ("did you mean 'aggregators'",),
    lambda s: s.tables.update(agregators=s.tables.pop("aggregators")),
    others=1,
)
change(
    "zones on roads in steps",
    "links",
    "length_km",
    ("zones", "described in steps alone"),
    lambda s: s.tables.update(zones=pd.DataFrame({"zone_id": [1], "node_id": ["a"]})),
)

# Roads in steps -------------------------------------------------------------------------------------
k = "links"
cell("road capacity of zero", k, "capacity_per_step", 0, 0, ("found 0", "above 0", "removing"), "ab")
cell("road capacity empty", k, "capacity_per_step", 0, None, ("empty", "vehicles"), "ab")
cell("half a step", k, "free_flow_steps", 1, 1.5, ("found 1.5", "whole number of steps"), "bc")
cell("no step", k, "free_flow_steps", 1, 0, ("found 0", "1 or more"), "bc")
cell("infinite steps", k, "free_flow_steps", 1, np.inf, ("found inf", "whole"), "bc")
cell("negative energy", k, "energy_kwh", 1, -4, ("found -4", "0 or more"), "bc")
cell("road from nowhere", k, "from_node_id", 0, "aa", ("'aa'", "did you mean 'a'"), "ab")
cell("road in a ring", k, "to_node_id", 0, "a", ("ends where it starts",), "ab")
cell("road twice", k, "link_id", 1, "ab", ("more than once",), "ab")
change("steps without energy", k, "energy_kwh", ("missing", "kWh"), drop(k, "energy_kwh"))
change(
    "neither steps nor length",
    k,
    "capacity_veh_h",
    ("missing",),
    lambda s: s.tables.update(links=s.tables[k][["link_id", "from_node_id", "to_node_id"]]),
    others=2,
)
change(
    "misspelt capacity",
    k,
    "capacity_per_steps",
    ("unknown", "did you mean 'capacity_per_step'"),
    renamed(k, "capacity_per_step", "capacity_per_steps"),
    others=1,
)

# Sites, levels, prices ------------------------------------------------------------------------------
s = "charging_sites"
cell("site at an unknown node", s, "node_id", 0, "x", ("'x'", "nodes"), "S1")
cell("site at an unknown bus", s, "bus_id", 0, 17, ("'17'", "buses"), "S1")
cell("half a charger", s, "chargers", 1, 2.5, ("found 2.5", "whole number of chargers"), "S2")
cell("chargers in words", s, "chargers", 1, "ten", ("'ten'",), "S2", others=1)
cell("negative chargers", s, "chargers", 1, -1, ("found -1", "0 or more"), "S2")
cell("site twice", s, "site_id", 1, "S1", ("more than once",), "S1", others=1)
v = "charger_levels"
cell("level of an unknown site", v, "site_id", 2, "S3", ("'S3'", "charging_sites"), "S3")
cell("level of no power", v, "power_kw", 0, 0, ("found 0", "other than 0", "waiting"), "S1 level fast")
cell("infinite level", v, "power_kw", 0, np.inf, ("found inf", "finite"), "S1 level fast")
cell("level twice", v, "level_id", 2, "fast", ("more than once",), "S1 level fast")
change(
    "chargers without levels",
    v,
    "site_id",
    ("no charger level", "charger_levels"),
    cut(v, lambda f: f.site_id != "S2"),
    "S2",
)
p = "energy_prices"
cell("price in words", p, "price_per_kwh", 2, "cheap", ("'cheap'",), "row 3")
cell("infinite price", p, "price_per_kwh", 2, np.inf, ("found inf", "finite"), "S1 step 2")
cell("price of a step beyond", p, "step", 7, 8, ("step 8", "horizon of 8 steps"), "", others=1)
change(
    "one price",
    p,
    "step",
    ("the price of all sites", "lacks 7 of 8", "no constant"),
    cut(p, lambda f: f.step == 0),
)
change("price of a step twice", p, "step", ("step 7", "several rows"), add(p, price_per_kwh=0.3))
change(
    "price of an unknown site",
    p,
    "site_id",
    ("'S9'", "leave the cell empty"),
    lambda s: s.set(p, "site_id", 0, "S9"),
    "S9",
    others=1,
)
change(
    "price of one site only",
    p,
    "site_id",
    ("site S2 has no price",),
    lambda s: s.tables[p].insert(0, "site_id", "S1"),
)
change(
    "prices counted from one",
    p,
    "step",
    ("the first step is 0, not 1",),
    lambda s: s.tables[p].update({"step": s.tables[p]["step"] + 1}),
    others=1,
)

# Aggregators ----------------------------------------------------------------------------------------
m = "aggregators"
cell("no battery", m, "battery_kwh", 0, 0, ("found 0", "above 0"), "east")
cell("efficiency in percent", m, "charge_efficiency", 0, 93, ("found 93", "0.9 for 90 %"), "east")
cell("discharge efficiency of zero", m, "discharge_efficiency", 0, 0, ("found 0", "above 0"), "east")
cell("least charge in percent", m, "soc_min", 0, 20, ("found 20", "0 to 1"), "east")
change(
    "least above most charge",
    m,
    "soc_min",
    ("0.1 is not below soc_max 0.05",),
    lambda s: s.set(m, "soc_max", 1, 0.05),
    "west",
)
cell("negative value of time", m, "time_value_per_h", 0, -1, ("found -1", "0 or more"), "east")
cell(
    "price that nobody moves",
    m,
    "price_sensitivity_per_kwh_kw",
    1,
    0,
    ("found 0", "above 0", "equal cost", "no published price"),
    "west",
)
cell("aggregator twice", m, "aggregator_id", 1, "east", ("more than once",), "east", others=1)
change(
    "no price sensitivity",
    m,
    "price_sensitivity_per_kwh_kw",
    ("missing", "above 0"),
    drop(m, "price_sensitivity_per_kwh_kw"),
)

# Travel ---------------------------------------------------------------------------------------------
t = "travel"
FIRST = "east: a to d at step 0"
cell(
    "travel of an unknown aggregator",
    t,
    "aggregator_id",
    0,
    "eats",
    ("'eats'", "did you mean 'east'"),
    "eats",
)
cell("travel from an unknown node", t, "origin_node_id", 0, "z", ("'z'", "nodes"), "east (row 1)")
cell("travel to nowhere", t, "destination_node_id", 0, None, ("empty",), "east (row 1)")
cell("travel to where it starts", t, "destination_node_id", 0, "a", ("ends where it starts",), "east: a to a")
cell("departure between steps", t, "depart_step", 0, 0.5, ("found 0.5", "whole number"), "east (row 1)")
cell("departure after the end", t, "depart_step", 0, 8, ("found 8", "0 to 7"), "east: a to d at step 8")
cell("departure before the start", t, "depart_step", 0, -1, ("found -1", "0 to 7"), "at step -1")
cell("departure at a time of day", t, "depart_step", 0, "07:00", ("'07:00'", "whole number"), "east (row 1)")
cell("charge in percent", t, "soc_initial", 0, 50, ("found 50", "0.8 for 80 %"), FIRST)
cell("start below the least charge", t, "soc_initial", 0, 0.15, ("0.15 is below soc_min 0.2",), FIRST)
cell("arrival above the most", t, "soc_final_min", 0, 1.2, ("found 1.2", "0 to 1"), FIRST)
cell("arrival below the least", t, "soc_final_min", 0, 0.1, ("0.1 is below soc_min 0.2",), FIRST)
cell("no vehicle", t, "vehicles", 0, 0, ("found 0", "above 0"), FIRST)
cell("vehicles empty", t, "vehicles", 0, None, ("empty",), "east (row 1)")
cell(
    "demand that cannot exit in time",
    t,
    "depart_step",
    1,
    5,
    ("12.5 of 26.5 vehicles cannot arrive", "horizon of 8 steps", "1 step (30 min) late"),
    "12.5 of west from d to a at step 5 (08:30): 1 step late",
)
cell(
    "demand without the energy",
    t,
    "soc_initial",
    0,
    0.22,
    ("10 of 26.5 vehicles", "1.2 kWh are missing"),
    "10 of east from a to d at step 0 (06:00): 1.2 kWh missing",
)
change(
    "a battery too small for the road",
    t,
    "soc_initial",
    ("14 of 26.5 vehicles", "kWh are missing"),
    lambda s: s.set(k, "energy_kwh", 0, 36),
    "10 of east from a to d at step 0 (06:00): 4 kWh missing",
)
change(
    "no road to the destination",
    t,
    "destination_node_id",
    ("10 of 26.5 vehicles", "no road leads"),
    cut(k, lambda f: f.link_id != "cd"),
    "10 of east from a to d at step 0",
)
change(
    "discharging without an end",
    t,
    "soc_final_min",
    ("missing", "below 0 kW", "empty the batteries"),
    lambda s: (s.set(v, "power_kw", 2, -20), drop(t, "soc_final_min")(s)),
)
change(
    "discharging with an end left open",
    t,
    "soc_final_min",
    ("empty", "below 0 kW"),
    lambda s: s.set(v, "power_kw", 2, -20).set(t, "soc_final_min", 1, None),
    "west (row 2)",
)

# Network --------------------------------------------------------------------------------------------
b, li = "buses", "lines"
cell("no slack", b, "slack", 0, False, ("no bus is the slack",))
cell("two slacks", b, "slack", 1, True, ("2 buses are the slack",), "0")
cell("slack in words", b, "slack", 0, "perhaps", ("'perhaps'", "true or false"), "0", others=1)
cell("no base voltage", b, "base_kv", 1, 0, ("found 0", "above 0"), "1")
cell("voltage limits crossed", b, "voltage_min_pu", 1, 1.2, ("voltage",), "1", others=1)
cell("bus twice", b, "bus_id", 2, 1, ("more than once",), "1", others=4)
change("no column slack", b, "slack", ("missing", "true at the one bus"), drop(b, "slack"), others=1)
change(
    "meshed network",
    li,
    "",
    ("meshed", "loop", "normally open"),
    add(li, line_id="L3", from_bus_id=2, to_bus_id=0),
    "L1",
    others=0,
)
change("island", b, "bus_id", ("no line connects them to the slack 0",), lambda s: add(b, bus_id=3)(s), "3")
cell("resistance empty", li, "r_ohm", 1, None, ("empty", "ohm"), "L2")
change(
    "no impedance",
    li,
    "r_ohm",
    ("r_ohm and x_ohm are both 0",),
    lambda s: s.set(li, "r_ohm", 1, 0).set(li, "x_ohm", 1, 0),
    "L2",
)
change("impedance missing", li, "x_ohm", ("missing", "ohm"), drop(li, "x_ohm"))
cell("negative resistance", li, "r_ohm", 0, -0.4, ("found -0.4", "0 or more"), "L1")
cell("line to an unknown bus", li, "to_bus_id", 1, 20, ("'20'", "buses"), "L2")
cell("line in a ring", li, "to_bus_id", 1, 1, ("ends where it starts",), "L2", others=1)
cell("negative limit", li, "limit_kw", 0, -5, ("found -5", "above 0"), "L1")
cell(
    "limit below the base load",
    li,
    "limit_kw",
    0,
    50,
    ("60 kW against a limit of 50 kW", "step 0 (06:00)", "Raise limit_kw"),
    "L1 by 10",
)

# Injections, forecasts, provenance ------------------------------------------------------------------
i, f = "injections", "forecasts"
cell("injection of no kind", i, "kind", 8, "sollar", ("'sollar'", "did you mean 'solar'"), "roof")
cell("injection of two kinds", i, "kind", 9, "wind", ("one injection", "several kinds"), "roof (row 10)")
cell("injection at two buses", i, "bus_id", 9, 1, ("one injection", "several buses"), "roof (row 10)")
cell("injection at an unknown bus", i, "bus_id", 9, 11, ("'11'", "buses"), "roof (row 10)")
cell("negative load", i, "power_kw", 2, -5, ("found -5", "0 or more"), "town step 2")
cell("negative half width", i, "half_width_kw", 2, -5, ("found -5", "0 or more"), "town step 2")
cell("infinite reactive power", i, "reactive_kvar", 2, np.inf, ("found inf", "finite"), "town step 2")
change(
    "gamma outside its range",
    i,
    "gamma",
    ("found 1.5", "0 to 1"),
    lambda s: s.tables[i].insert(0, "gamma", [1.5] * STEPS + [0.2] * STEPS),
    "town",
)
change(
    "load of one step",
    i,
    "step",
    ("town lacks 7 of 8 steps (1, 2, 3 ...)", "no constant"),
    constant(i, "injection_id", "town"),
    "town",
)
change("load of a step twice", i, "step", ("step 7 of roof has several rows",), add(i, power_kw=3.0), "roof")
cell("forecast without outcome", f, "outcome_kw", 2, None, ("empty", "kW"), "town (row 3)")
change("forecasts without outcomes", f, "outcome_kw", ("missing", "kW"), drop(f, "outcome_kw"))
cell(
    "forecast of an unknown injection",
    f,
    "injection_id",
    2,
    "twon",
    ("'twon'", "did you mean 'town'"),
    "twon",
)
cell("forecast of half a day", f, "day", 2, 1.5, ("found 1.5", "whole number"), "town (row 3)")
change(
    "conformal margins without forecasts",
    f,
    "",
    ("missing", "conformal"),
    lambda s: (drop(f)(s), s.config["tariff"].update(uncertainty="conformal")),
)
change(
    "conformal margins of too few days",
    f,
    "day",
    ("0.95 needs 19 past days", "holds 2", "0.667"),
    lambda s: s.config["tariff"].update(uncertainty="conformal"),
)
cell(
    "unknown status",
    "provenance",
    "status",
    0,
    "publishd",
    ("'publishd'", "did you mean 'published'"),
    "row 1",
)
cell("no field", "provenance", "field", 0, None, ("empty",), "row 1")

# [tariff] -------------------------------------------------------------------------------------------
key("gamma above one", "gamma", 1.5, ("1.5", "0 to 1"))
key("gamma in words", "gamma", "high", ("'high'",))
key("coverage of one", "coverage", 1.0, ("found 1",))
key("unknown set", "uncertainty", "boxes", ("'boxes'", "box"))
key("unknown formulation", "formulation", "arc", ("'arc'", "arcs"))
key("misspelt key", "gama", 1.0, ("unknown option 'gama'", "did you mean 'gamma'"))
key("half a path", "paths_per_od", 2.5, ("2.5",))
