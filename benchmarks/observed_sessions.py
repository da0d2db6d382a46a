"""Charging sessions that were observed, and those that `simulate` makes: hours, energy, duration.

Observed: Caltech's workplace chargers (2018 to 2021, with the time of charging apart from that of parking)
and public chargers of Dundee (2017 and 2018; duration is that of the plug). Dundee's rapid chargers are told
by their sessions' mean power, over 22 kW: its others cannot give that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["PAIRS", "available", "distance", "observed", "simulated"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sessions"
RAPID_KW = 22.0
PAIRS = {
    "on the way": "Dundee, rapid",
    "at work": "Caltech",
    "at other destinations": "Dundee, up to 22 kW",
}
"""Sessions of the simulation, and the observed ones nearest in kind."""
WEEKDAYS = 3
"""Days simulated, from a Monday on; the first is left out: all batteries were drawn at its beginning."""


def available() -> bool:
    """Whether the observed sessions are at hand."""
    return all((DATA / f"{name}.csv.xz").exists() for name in ("caltech", "dundee"))


def observed() -> dict[str, pd.DataFrame]:
    """Weekday sessions by kind: start_h, energy_kwh, charge_min (nan where not known), stay_min."""
    found = {}
    for name in ("caltech", "dundee"):
        rows = pd.read_csv(DATA / f"{name}.csv.xz")
        rows = rows[(rows["Weekend"] == 0) & (rows["Energy"] > 0.1)]
        stay = rows["Park.Duration"].astype(float)
        known = "Charge.Duration" in rows
        table = pd.DataFrame(
            {
                "start_h": rows["Arrival"].astype(float),
                "energy_kwh": rows["Energy"].astype(float),
                "charge_min": np.minimum(rows["Charge.Duration"], stay) if known else np.nan,
                "stay_min": stay,
            }
        )
        if known:
            found["Caltech"] = table
        else:
            rapid = table["energy_kwh"] * 60.0 / table["stay_min"] > RAPID_KW
            found["Dundee, rapid"], found["Dundee, up to 22 kW"] = table[rapid], table[~rapid]
    return found


def simulated(vehicles: int = 4000, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Sessions of the second and third day of the example city, in the same columns; also of the first."""
    from tidewatt.execution.threads import Threads
    from tidewatt.options.simulation import SIMULATION
    from tidewatt.simulation.preparation import world_of
    from tidewatt.simulation.replications import workers_of
    from tidewatt.synthesis.city import city
    from tidewatt.synthesis.statistics import PURPOSES

    scenario = city(seed)
    asked = SIMULATION.resolve(
        scenario.parameters, vehicles=vehicles, days=WEEKDAYS, replications=1, seed=seed, threads=1
    )
    with Threads(1) as threads:
        plans, _, day = workers_of(world_of(scenario, asked, threads), threads)[0].run(0)
    charges = day.charging.sessions()
    on_the_way = _table(charges.arrive_min, charges.energy_kwh, charges.end_min - charges.start_min)
    stays = day.ledger.stays.table()
    kwh, kw = stays["kwh"], stays["kw"]
    purpose = np.array(PURPOSES)[plans.place[stays["stay"].astype(np.int64)]]
    end = 1440.0 * WEEKDAYS
    found = {"on the way": on_the_way}
    for kind, where in (("at work", "work"), ("at other destinations", "other")):
        # Whole stays only.
        some = (purpose == where) & (kwh > 0.1) & (stays["arrive"] > 0) & (stays["depart"] < end)
        minutes = kwh[some] * 60.0 / kw[some]
        stay = stays["depart"][some] - stays["arrive"][some]
        found[kind] = _table(stays["arrive"][some], kwh[some], minutes, stay)
    later = {kind: table[table.pop("day") > 0] for kind, table in found.items() if kind != "on the way"}
    first = on_the_way.pop("day") == 0
    return {"on the way": on_the_way[~first], "on the way, first day": on_the_way[first], **later}


def _table(
    arrive_min: np.ndarray, kwh: np.ndarray, charge_min: np.ndarray, stay_min: np.ndarray | None = None
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "start_h": arrive_min % 1440.0 / 60.0,
            "energy_kwh": kwh,
            "charge_min": charge_min,
            "stay_min": charge_min if stay_min is None else stay_min,
            "day": arrive_min // 1440.0,
        }
    )


def distance(one: pd.Series[float], other: pd.Series[float]) -> float:
    """Largest difference of two empirical distributions (Kolmogorov-Smirnov); nan where nothing is known."""
    from scipy.stats import ks_2samp

    one, other = one.dropna(), other.dropna()
    return float(ks_2samp(one, other).statistic) if len(one) and len(other) else float("nan")
