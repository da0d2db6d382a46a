"""Results of `coordinate` as a folder of files, and back."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.coordination.result import Coordination
from tidewatt.errors import TidewattError
from tidewatt.io.atomic import atomic_folder
from tidewatt.io.result_files import (
    CERTIFICATE,
    beside,
    digests,
    finite,
    provenance,
    read_json,
    write_json,
)
from tidewatt.result import Certificate, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from tidewatt.domain.scenario import Scenario

__all__ = ["SCHEDULE_FILES", "load", "save"]

SCHEDULE_FILES = {"coordinated": "schedule.parquet", "session": "schedule_session.parquet"}
"""File of each rung's schedule; the unmanaged one follows from the scenario."""

_COUNTS = ("iterations", "vehicle_updates", "vehicle_updates_skipped")
_TABLES = ("feeders", "banks", "vehicles")
_OWNED = (
    "summary.json",
    *(f"{name}.parquet" for name in _TABLES),
    "loads.nc",
    *SCHEDULE_FILES.values(),
    "soc.parquet",
    "history.csv",
    CERTIFICATE,
)


def save(
    result: Coordination,
    folder: str | os.PathLike[str],
    *,
    scenario_folder: str | os.PathLike[str] | None = None,
    soc: bool = False,
) -> Path:
    """Write what `coordinate` returned; see `tidewatt.io.results.save`."""
    from tidewatt.io.schedules import write_schedule, write_soc

    final = Path(folder)
    scenario = _scenario_of(result, scenario_folder)
    if scenario_folder is None:
        scenario_folder = beside(final, scenario)
    with atomic_folder(final, owned=_OWNED, last=CERTIFICATE) as temporary:
        write_json(temporary / "summary.json", dict(result.figures))
        for name in _TABLES:
            getattr(result, name).to_parquet(temporary / f"{name}.parquet", index=False, compression="zstd")
        _write_loads(temporary / "loads.nc", result.data, scenario)
        for rung, file in SCHEDULE_FILES.items():
            if rung in result.schedules:
                write_schedule(temporary / file, result.schedules[rung], scenario)
        if soc:
            write_soc(temporary / "soc.parquet", result.schedules["coordinated"], scenario)
        result.history.to_csv(temporary / "history.csv", index=False)
        certificate = provenance(scenario_folder, final, result.run)
        certificate |= {
            "rungs": {rung: asdict(each) for rung, each in result.certificates.items()},
            "statuses": {rung: status.name for rung, status in result.statuses.items()},
            "counts": {key: result.figures[key] for key in _COUNTS if key in result.figures},
            "missing_energy_kwh": _missing(result.vehicles),
            "files": digests(temporary),
        }
        write_json(temporary / CERTIFICATE, certificate)
    return final


def load(folder: Path, certificate: dict[str, Any]) -> Coordination:
    """Read a result folder; schedules are read on demand by `Coordination.read_schedule`.

    Parameters
    ----------
    folder : Path
        The folder; every file that the certificate lists is there.
    certificate : dict
        Its certificate.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Where files are damaged or of another version.
    """
    import pandas as pd
    import xarray as xr

    figures = read_json(folder / "summary.json")
    tables: dict[str, Any] = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES}
    return Coordination(
        data=xr.load_dataset(folder / "loads.nc", engine="h5netcdf"),
        history=pd.read_csv(folder / "history.csv"),
        certificates={rung: Certificate(**finite(each)) for rung, each in certificate["rungs"].items()},
        statuses={rung: Status[name] for rung, name in certificate["statuses"].items()},
        run=RunInfo(**finite(certificate["run"])),
        figures=finite(figures),
        stored_schedules={
            rung: partial(pd.read_parquet, folder / file)
            for rung, file in SCHEDULE_FILES.items()
            if (folder / file).is_file()
        },
        **tables,
    )


def _scenario_of(result: Coordination, scenario_folder: str | os.PathLike[str] | None) -> Scenario:
    if not set(SCHEDULE_FILES) & set(result.schedules):
        raise TidewattError(
            "This result has no schedules in memory, as after `load`: copy its folder, or coordinate again."
        )
    if result.scenario is not None:
        return result.scenario
    if scenario_folder is None:
        raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
    from tidewatt.io.scenario.reading import read_scenario

    scenario = read_scenario(scenario_folder)
    if scenario.sha256() != result.run.scenario_sha256:
        raise TidewattError(
            f"{scenario_folder} is not the scenario of this result, or has changed since: "
            "its fingerprint differs. Coordinate it again."
        )
    return scenario


def _write_loads(path: Path, data: xr.Dataset, scenario: Scenario) -> None:
    data = data.copy()
    for name, variable in data.data_vars.items():
        if "units" not in variable.attrs:
            priced = str(name).endswith("price")
            data[name] = variable.assign_attrs(units="cost per kW" if priced else "kW")
    data.attrs.update(
        Conventions="CF-1.11", title=f"Loads and prices of {scenario.name}", scenario=scenario.name
    )
    # An empty dimension keeps no length in the file; the variables come back empty all the same.
    encoding: dict[Any, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in data.data_vars.items()
        if variable.dtype.kind == "f" and variable.size
    }
    if "time" in data.coords:
        since = scenario.horizon.start.isoformat(sep=" ")
        encoding["time"] = {
            "units": f"seconds since {since}",
            "calendar": "proleptic_gregorian",
            "dtype": "float64",
        }
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def _missing(vehicles: pd.DataFrame) -> dict[str, float]:
    short = vehicles[vehicles["missing_energy_kwh"] > 0]
    return {
        str(vehicle): float(kwh)
        for vehicle, kwh in zip(short["vehicle_id"], short["missing_energy_kwh"], strict=True)
    }
