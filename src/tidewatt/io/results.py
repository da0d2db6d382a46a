"""Results of `coordinate` as a folder of files, and back."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.coordination.result import RUNGS, Coordination
from tidewatt.errors import TidewattError
from tidewatt.io.atomic import atomic_folder
from tidewatt.result import Certificate, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from tidewatt.domain.scenario import Scenario

__all__ = ["FORMAT", "SCHEDULE_FILES", "load", "save"]

FORMAT = 1
"""Version of the layout of a result folder."""

CERTIFICATE = "certificate.json"
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
    """Write a result as a folder of files that `tidewatt verify` can check.

    A result that stands there already is replaced; until every new file is complete it stays as it
    is. ``certificate.json`` comes last: a folder without it was not saved to the end.

    Parameters
    ----------
    result : Coordination
        What `coordinate` returned.
    folder : path
        Where to write; made where it is missing.
    scenario_folder : path, optional
        The scenario's own folder, so that `verify` finds it. Where there is none, the scenario is written
        below the result, into ``scenario``.
    soc : bool
        Whether to write ``soc.parquet``: the state of charge at every arrival and departure.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OutputError
        Where the disk refuses.
    TidewattError
        Where the result lacks what the files need (a loaded result has no
        schedules in memory: copy its folder instead).
    """
    from tidewatt.io.schedules import write_schedule, write_soc

    final = Path(folder)
    scenario = _scenario_of(result, scenario_folder)
    if scenario_folder is None:
        scenario_folder = _beside(final, scenario)
    with atomic_folder(final, owned=_OWNED, last=CERTIFICATE) as temporary:
        _write_json(temporary / "summary.json", dict(result.figures))
        for name in _TABLES:
            getattr(result, name).to_parquet(temporary / f"{name}.parquet", index=False, compression="zstd")
        _write_loads(temporary / "loads.nc", result.data, scenario)
        for rung, file in SCHEDULE_FILES.items():
            if rung in result.schedules:
                write_schedule(temporary / file, result.schedules[rung], scenario)
        if soc:
            write_soc(temporary / "soc.parquet", result.schedules["coordinated"], scenario)
        result.history.to_csv(temporary / "history.csv", index=False)
        digests = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
        where = Path(scenario_folder).resolve()
        _write_json(
            temporary / CERTIFICATE,
            {
                "format": FORMAT,
                "scenario": _relative(where, final.resolve()),
                "scenario_absolute": str(where),
                "scenario_sha256": result.run.scenario_sha256,
                "rungs": {rung: asdict(each) for rung, each in result.certificates.items()},
                "statuses": {rung: status.name for rung, status in result.statuses.items()},
                "run": asdict(result.run),
                "counts": {key: result.figures[key] for key in _COUNTS if key in result.figures},
                "missing_energy_kwh": _missing(result.vehicles),
                "files": digests,
            },
        )
    return final


def load(folder: str | os.PathLike[str]) -> Coordination:
    """Read a result folder; schedules are read on demand by `Coordination.read_schedule`.

    Nothing is proved by reading: `tidewatt verify` does that.

    Raises
    ------
    TidewattError
        Where files are missing, damaged or of another version; the text names them.
    """
    import pandas as pd
    import xarray as xr

    here = Path(folder)
    certificate = _read_json(here / CERTIFICATE)
    if certificate.get("format") != FORMAT:
        raise TidewattError(
            f"{here / CERTIFICATE}: format {certificate.get('format')!r}; "
            f"this version reads format {FORMAT}. "
            "Coordinate the scenario again, or use the version of tidewatt that wrote it."
        )
    absent = [name for name in certificate["files"] if not (here / name).is_file()]
    if absent:
        raise TidewattError(f"{here}: {', '.join(absent)} missing. Coordinate the scenario again.")
    figures = _read_json(here / "summary.json")
    try:
        tables: dict[str, Any] = {name: pd.read_parquet(here / f"{name}.parquet") for name in _TABLES}
        data = xr.load_dataset(here / "loads.nc", engine="h5netcdf")
        history = pd.read_csv(here / "history.csv")
        return Coordination(
            data=data,
            history=history,
            certificates={rung: Certificate(**_finite(each)) for rung, each in certificate["rungs"].items()},
            statuses={rung: Status[name] for rung, name in certificate["statuses"].items()},
            run=RunInfo(**_finite(certificate["run"])),
            figures=_finite(figures),
            read_schedule=lambda rung: _read_schedule(here, rung),
            **tables,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TidewattError(
            f"{here}: damaged or of another version ({error}). Run `tidewatt verify` on it to see what "
            "does not match, or coordinate the scenario again."
        ) from error


def _beside(folder: Path, scenario: Scenario) -> Path:
    """Where the scenario of a result stands below it; never in the place of another result's scenario."""
    from tidewatt.io.writing import write_scenario

    mine, where = scenario.sha256(), folder / "scenario"
    if where.exists():
        former = _read_json(folder / CERTIFICATE) if (folder / CERTIFICATE).is_file() else {}
        if former.get("scenario_sha256") == mine and former.get("scenario") == where.name:
            return where
        where = folder / f"scenario-{mine[:8]}"
    write_scenario(scenario, where)
    return where


def _scenario_of(result: Coordination, scenario_folder: str | os.PathLike[str] | None) -> Scenario:
    if not set(SCHEDULE_FILES) & set(result.schedules):
        raise TidewattError(
            "This result has no schedules in memory, as after `load`: copy its folder, or coordinate again."
        )
    if result.scenario is not None:
        return result.scenario
    if scenario_folder is None:
        raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
    from tidewatt.io.scenario import read_scenario

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


def _read_schedule(folder: Path, rung: str) -> pd.DataFrame:
    import pandas as pd

    if rung not in SCHEDULE_FILES or not (folder / SCHEDULE_FILES[rung]).is_file():
        there = [name for name, file in SCHEDULE_FILES.items() if (folder / file).is_file()]
        raise TidewattError(
            f"{folder}: no schedule of rung {rung!r}; there are {', '.join(there) or 'none'} "
            f"(rungs are {', '.join(RUNGS)}; the unmanaged schedule follows from the scenario)."
        )
    return pd.read_parquet(folder / SCHEDULE_FILES[rung])


def _missing(vehicles: pd.DataFrame) -> dict[str, float]:
    short = vehicles[vehicles["missing_energy_kwh"] > 0]
    return {
        str(vehicle): float(kwh)
        for vehicle, kwh in zip(short["vehicle_id"], short["missing_energy_kwh"], strict=True)
    }


def _relative(path: Path, start: Path) -> str | None:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _plain(value: Any) -> Any:
    """The value as JSON can hold it; null where a number is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Status):
        return value.name
    return value


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TidewattError(
            f"{path.parent} holds no complete result: {path.name} is missing. "
            "Either this is another folder, or saving was cut off: coordinate the scenario again."
        ) from None
    except (OSError, ValueError) as error:
        raise TidewattError(f"{path}: unreadable ({error}). Coordinate the scenario again.") from error
    if not isinstance(content, dict):
        raise TidewattError(f"{path}: not a JSON object. Coordinate the scenario again.")
    return content


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Null back to nan."""
    return {key: math.nan if value is None else value for key, value in values.items()}
