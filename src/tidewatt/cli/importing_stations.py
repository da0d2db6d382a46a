"""Imports of charging stations: stations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tidewatt.cli.flags import Json, Overwrite, Seed
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over

__all__ = ["stations"]


def stations(
    file: Path,
    /,
    *,
    into: Path,
    out: Path,
    place: Literal["snap", "by-demand"] = "snap",
    fast_kw: float = 120.0,
    normal_kw: float = 7.0,
    price_fast: float = 0.0,
    price_normal: float = 0.0,
    limit: int | None = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import a table of charging stations onto the roads of an existing scenario.

    One row a station: its id, latitude and longitude (or x and y as in the scenario), and numbers of fast
    and normal (slow) chargers; many spellings are understood. They replace the scenario's own stations.

    Parameters
    ----------
    file
        The table: CSV (also gzipped), Parquet or xlsx.
    into
        Folder of the scenario whose roads they stand on.
    out
        Folder for the new scenario.
    place
        snap: at the nearest node that is driven through; refused where half of them lie further than 2 km.
        by-demand: another city's stations are spread over the zones by homes and jobs, keeping their
        chargers.
    fast_kw
        Power of a fast charger in kW, where the table does not say.
    normal_kw
        Power of a normal charger in kW, where the table does not say.
    price_fast
        Price per kWh at fast chargers, where the table does not say.
    price_normal
        Price per kWh at normal chargers, where the table does not say.
    limit
        Take only so many stations, drawn at random [default: all].
    """
    from tidewatt.io.importers.stations.stations import import_stations
    from tidewatt.io.scenario.reading import read_scenario

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step("reading the roads")
            there = read_scenario(into)
            shown.step(f"importing {file.name}")
            scenario, report = import_stations(
                file,
                into=there,
                place=place,
                fast_kw=fast_kw,
                normal_kw=normal_kw,
                price_fast=price_fast,
                price_normal=price_normal,
                limit=limit,
                seed=seed,
            )
        hand_over(scenario, report, out, json, "simulate")
