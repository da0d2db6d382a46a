"""The closed world of a result: every file, column, variable, key and unit in it is known, or is refused.

What no check of the kind of result derives again is listed in the verdict, as filed by whoever ran the study.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import h5netcdf
import pyarrow.parquet as pq

from tidewatt.verification.common.expected import (
    always,
    columns_of,
    filed,
    keys_of_certificate,
    optional_columns,
    sometimes,
    units_of,
)
from tidewatt.verification.common.findings import CheckList

__all__ = ["check_inventory", "units_allowed"]

_SCENARIOS = ("scenario", "itineraries")
"""How the names of the folders begin in which a result holds scenarios."""
_UNVERIFIED = ("figures", "checkpoint")
"""Folders of a result that claim nothing: pictures, and what a study goes on from."""
_OF_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What systems put into folders that someone has looked at."""
_LABELS = {"Conventions", "title", "scenario"}
_PLAIN = {
    "units",
    "long_name",
    "_FillValue",
    "calendar",
    "CLASS",
    "NAME",
    "REFERENCE_LIST",
    "DIMENSION_LIST",
    "coordinates",
}
"""Attributes of variables that say what they are; the last four are HDF5's own."""
_SHOWN = 5


def check_inventory(folder: Path, certificate: Mapping[str, Any], kind: str, ledger: CheckList) -> None:
    """Check that a result holds what its kind may hold, all of it listed, in the units that it has to be in.

    Parameters
    ----------
    folder : Path
        The result.
    certificate : mapping
        Its certificate.
    kind : str
        What it is a result of.
    ledger : CheckList
        Where to note what is found.
    """
    listed = [str(name) for name in certificate["files"]]
    if not _check_names(folder, listed, kind, ledger):
        return
    try:
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
        scenario = str(summary.get("scenario"))
    except (OSError, ValueError, AttributeError):
        return  # the kind's own checks say what is wrong
    unknown: list[str] = []
    missing: list[str] = []
    units: list[str] = []
    for name in (each for each in listed if "/" not in each):
        columns, stated = _content(folder / name, scenario, unknown)
        allowed = {*columns_of(kind, name), *optional_columns(kind, name)}
        unknown += [f"{name}: {column}" for column in columns if column not in allowed]
        if len(columns) or name.endswith(".json"):  # a history without rows may have no columns
            missing += [f"{name}: {column}" for column in columns_of(kind, name) if column not in columns]
        allowed_units = {c: units_allowed(u, summary) for c, u in units_of(kind, name).items()}
        units += _wrong_units(name, stated, allowed_units)
    wanted, may = keys_of_certificate(kind)
    unknown += [f"certificate.json: {key}" for key in certificate if key not in wanted | may]
    missing += [f"certificate.json: {key}" for key in sorted(wanted) if key not in certificate]
    _none(ledger, "nothing in the files is unknown", unknown)
    _none(ledger, "nothing lacks in the files", missing)
    _none(ledger, "units of columns and variables", units)
    _check_run(certificate, summary, ledger)
    for file, names in filed(kind).items():
        if file in ("certificate.json", *listed):
            ledger.add(f"{file}: as filed, not derived", True, ", ".join(names))


def _check_names(folder: Path, listed: list[str], kind: str, ledger: CheckList) -> bool:
    """Check which files there are; return whether what is listed may be opened."""
    outside = [name for name in listed if _outside(name)]
    if not _none(ledger, "every listed file is in the folder", outside):
        return False
    files = {*always(kind), *sometimes(kind)}
    strange = [
        name for name in listed if name not in files and not ("/" in name and name.startswith(_SCENARIOS))
    ]
    _none(ledger, "every listed file is one of such a result", strange)
    there = []
    for entry in sorted(folder.iterdir()):
        own_scenario = entry.is_dir() and entry.name.startswith("scenario")
        if entry.name in _UNVERIFIED or entry.name in _OF_SYSTEMS or entry.name == "certificate.json":
            continue
        inside = [file for file in entry.rglob("*") if file.is_file()] if entry.is_dir() else [entry]
        names = [file.relative_to(folder).as_posix() for file in inside if file.name not in _OF_SYSTEMS]
        # Earlier versions did not list the scenario that they wrote; its fingerprint is checked.
        if own_scenario and not any(name in listed for name in names):
            continue
        there += names
    _none(ledger, "every file is listed", [name for name in there if name not in listed])
    return not strange


def _outside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name


def _content(path: Path, scenario: str, unknown: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the columns, variables or keys of a file, and the units that it states."""
    try:
        if path.suffix == ".parquet":
            schema = pq.read_schema(path)
            units = {n: (schema.field(n).metadata or {}).get(b"units", b"").decode() for n in schema.names}
            return list(schema.names), units
        if path.suffix == ".nc":
            with h5netcdf.File(path, "r") as data:
                if _text(data.attrs.get("scenario", "")) != scenario:
                    unknown.append(f"{path.name}: scenario {_text(data.attrs.get('scenario', ''))!r}")
                unknown += [f"{path.name}: attribute {name}" for name in data.attrs if name not in _LABELS]
                for name, variable in data.variables.items():
                    unknown += [
                        f"{path.name}: {name}.{label}" for label in variable.attrs if label not in _PLAIN
                    ]
                units = {str(n): _text(v.attrs.get("units", "")) for n, v in data.variables.items()}
            return list(units), units
        if path.suffix == ".json":
            return list(json.loads(path.read_text("utf-8"))), {}
        with path.open(encoding="utf-8") as lines:
            names, first = lines.readline().strip().split(","), lines.readline()
            return names if first.strip() else [], {}  # without rows, pandas may have written no columns
    except (OSError, ValueError, AttributeError):
        return [], {}  # the kind's own checks say what is wrong


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def units_allowed(unit: str, summary: Mapping[str, Any]) -> set[str]:
    """Return how a column may state its unit; ``cost`` stands for the scenario's money.

    Parameters
    ----------
    unit : str
        As `units_of` has it.
    summary : mapping
        Names the money, if the scenario does. Earlier versions had other words for it.
    """
    if "currency" not in summary:
        return {unit, unit.replace("cost", "money units"), unit.replace("cost/", "1/")}
    money = str(summary.get("cost_unit") or summary.get("currency") or "cost")
    return {unit.replace("cost", money, 1)}


def _wrong_units(name: str, stated: Mapping[str, str], right: Mapping[str, set[str]]) -> list[str]:
    """Return columns that state a wrong unit; results of earlier versions may state none."""
    wrong = []
    for column, unit in stated.items():
        allowed = right.get(column, {""})
        if unit and unit not in allowed and " since " not in unit:
            should = " or ".join(sorted(each or "without a unit" for each in allowed))
            wrong.append(f"{name}: {column} in {unit!r}, should be {should}")
    return wrong


def _check_run(certificate: Mapping[str, Any], summary: Mapping[str, Any], ledger: CheckList) -> None:
    """Check that the run is told alike wherever it is told."""
    run = certificate.get("run")
    if not ledger.add("run", isinstance(run, Mapping), "in certificate.json"):
        return
    assert isinstance(run, Mapping)
    both = {key: (run.get(key), summary.get(key)) for key in ("version", "wall_s", "peak_memory_mib", "seed")}
    both["scenario_sha256"] = (run.get("scenario_sha256"), summary.get("scenario_sha256"))
    wrong = [
        f"{key}: {one!r} and {two!r}" for key, (one, two) in both.items() if key in summary and one != two
    ]
    if certificate.get("scenario_sha256") != run.get("scenario_sha256"):
        wrong.append("scenario_sha256 in certificate.json")
    versions = run.get("versions")
    if not isinstance(versions, Mapping) or not {"python", "numpy", "numba"} <= set(versions):
        wrong.append("versions of Python, numpy and numba")
    _none(ledger, "the run is told alike in certificate.json and summary.json", wrong)


def _none(ledger: CheckList, name: str, wrong: Iterable[str]) -> bool:
    """Record that nothing is wrong, or what is."""
    found = list(wrong)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ledger.add(name, not found, f"{', '.join(found[:_SHOWN])}{more}" if found else "so it is")
