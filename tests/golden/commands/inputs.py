"""Files that the recorded commands read: small scenarios, spoilt ones, and what importers take."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.cli.bad_input_cases import CASES, Case
from tests.cli.bad_road_cases import ROAD_CASES
from tests.cli.bad_tariff_cases import TARIFF_CASES
from tests.unit.io.importers.made_circuits import circuit
from tests.unit.io.importers.made_filings import flat
from tests.unit.io.importers.made_networks import CASE, CONVERSION
from tests.unit.io.importers.made_roads import gmns, tntp
from tests.unit.io.importers.test_import_osm import extract
from tests.unit.io.importers.test_import_pandapower import made, written
from tests.unit.io.importers.test_import_stations import listed
from tests.unit.io.small_roads import SmallRoads
from tests.unit.io.small_scenario import Small
from tests.unit.io.small_tariffs import SmallTariffs


def small_scenarios(folder: Path) -> None:
    """Write one small scenario a study."""
    Small().write(folder / "small")
    SmallRoads().add_grid().write(folder / "small_roads")
    SmallTariffs().write(folder / "small_tariffs")


def imported(folder: Path) -> None:
    """Write a small file for every importer."""
    tntp(folder / "tntp")
    gmns(folder / "gmns")
    extract(folder / "town.osm")
    (folder / "made.m").write_text(CASE + CONVERSION, encoding="utf-8")
    written(folder, made())
    circuit(folder / "dss")
    flat(folder / "filing.csv")
    listed(folder / "stations.csv")
    small = SmallRoads().add_grid()
    small.config["crs"] = "EPSG:4326"
    nodes = small.tables["nodes"]
    nodes[["x", "y"]] /= 111.19492664455873
    # Centroids have no coordinates there; zone 1 is at node a, zone 2 at node c.
    nodes.loc[4, ["x", "y"]] = nodes.loc[0, ["x", "y"]]
    nodes.loc[5, ["x", "y"]] = nodes.loc[2, ["x", "y"]]
    for table in ("stations", "station_prices"):
        del small.tables[table]
    small.write(folder / "small_degrees")
    days = [
        ("a", 480, 510, 12.0, "work"),
        ("a", 1020, 1050, 12.0, "home"),
        ("b", 600, 615, 5.0, "shop"),
        ("b", 660, 675, 5.0, "home"),
    ]
    _table(folder / "trips.csv", "vehicle_id depart_min arrive_min distance_km purpose", days)
    hours = [
        (
            *(feeder, "F", month, hour, 1000 * (1 + (month == 8)) + 100 * (hour == 18)),
            *(900 - 50 * (month == 8) - hour, 1000, 1250),
        )
        for feeder in (123451101, 123451102)
        for month in range(1, 13)
        for hour in range(24)
    ]
    _table(folder / "capacity.csv", "FeederID Feeder_Name Month Hour h_kW B_md ResCust TotCust", hours)


def _table(path: Path, names: str, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names.split(), *rows])


def _spoilt(kind: str, cases: Sequence[Case], small: Callable[[], Small]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for case in cases:
            tables: Any = small()
            case.spoil(tables)
            case.damage(tables.write(folder / kind / re.sub(r"\W+", "_", case.name)))

    return write


bad_input = _spoilt("bad_input", CASES, Small)
bad_roads = _spoilt("bad_roads", ROAD_CASES, SmallRoads)
bad_tariffs = _spoilt("bad_tariffs", TARIFF_CASES, SmallTariffs)

# Keys of the sections of scenario.toml.
SECTIONS: dict[str, tuple[type[Small], str]] = {
    "coordination": (
        Small,
        "solver relative_gap absolute_gap time_limit_s max_passes threads seed shards session",
    ),
    "simulation": (
        SmallRoads,
        "vehicles days trips_per_day replications tolerance statistic time_limit_s step_min renew_min "
        "speed_flow feedback background background_gap router choice information value_of_time_per_h "
        "taste_min regret_scale threshold_soc soc_initial target_soc taper_soc charge_efficiency "
        "temperature_c seed threads",
    ),
    "assign": (SmallRoads, "relative_gap method time_limit_s max_iterations start_min threads"),
    "configuration": (
        SmallRoads,
        "weights mode search fast_cost normal_cost expansion_cost_per_kw dissatisfaction_cost "
        "peak_valley_cost_per_kw variance_cost_per_kw2 congestion_cost income_per_month money_unit "
        "discount_rate life_years age_years patience_min patience_slope_per_min budget accepted_wait_min "
        "days_train days_test evaluations population elites station_cost_must_not_rise feeder_headroom "
        "time_limit_s seed threads",
    ),
    "tariff": (
        SmallTariffs,
        "formulation paths_per_od pool_initial_soc uncertainty gamma coverage coverage_scope soc_step "
        "soc_rounding loss_margin linearisation relative_gap publish samples kwh_per_km vehicle_share "
        "time_limit_s seed threads",
    ),
    "sampling": (Small, "adoption vehicles_total method seed source year divisions"),
    "roads": (SmallRoads, "period_h toll_weight_min distance_weight_min_per_km time_unit_min"),
}
WRONG = {"word": "much", "below": -5, "half": 2.5, "yes": True}


def wrong_sections(folder: Path) -> None:
    """Give all keys of a section a word, -5, 2.5 or true, and every section keys that nobody knows."""
    for section, (small, names) in SECTIONS.items():
        keys = names.split()
        mistakes: dict[str, dict[str, object]] = {kind: dict.fromkeys(keys, x) for kind, x in WRONG.items()}
        mistakes["unknown"] = {keys[0] + keys[0][-1]: 1, "nonsense": 1}
        for kind, given in mistakes.items():
            scenario = small()
            there: Any = scenario.config.get(section, {})
            scenario.config[section] = {**there, **given}
            scenario.write(folder / "wrong_sections" / f"{section}.{kind}")


def checks_of(kind: str) -> Callable[[Path], list[str]]:
    """``check`` of every folder of one kind."""
    return lambda folder: [f"check {kind}/{each.name}" for each in sorted((folder / kind).iterdir())]
