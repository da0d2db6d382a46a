"""What the files of a result claim, read without any trust in them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.expected import always, read_table
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.common.scenario_tables import read_tables

__all__ = [
    "CERTIFICATE",
    "FORMAT",
    "SCHEDULES",
    "Claims",
    "check_files",
    "find_scenario",
    "read_certificate",
    "read_claims",
    "read_json",
]

FORMAT = 1
SCHEDULES = {"session": "schedule_session.parquet", "coordinated": "schedule.parquet"}
CERTIFICATE = "certificate.json"
_ALWAYS = tuple(name for name in always("coordination") if name not in SCHEDULES.values())
_COORDINATED = ("feeders.parquet", "banks.parquet", "loads.nc", "schedule.parquet")


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """The content of a result folder.

    Attributes
    ----------
    folder : Path
        Where it stands.
    certificate, summary : mapping
        ``certificate.json`` and ``summary.json``.
    tables : mapping of str to DataFrame
        ``feeders``, ``banks``, ``vehicles``, ``history``.
    loads : Dataset
        ``loads.nc``.
    rungs : tuple of str
        Rungs that a bracket is claimed for.
    """

    folder: Path
    certificate: Mapping[str, Any]
    summary: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    loads: xr.Dataset
    rungs: tuple[str, ...]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed in JSON")


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; infinities and nan are refused, as the standard does not allow them.

    Raises
    ------
    ValueError, OSError
        What is wrong with the file.
    """
    content = json.loads(path.read_text("utf-8"), parse_constant=_no_constant)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def read_certificate(folder: Path, ledger: CheckList) -> dict[str, Any] | None:
    """Return the certificate of any kind of result.

    Returns
    -------
    dict or None
        None where reading on makes no sense; the ledger says why.
    """
    if not folder.is_dir():
        ledger.add("result folder", False, f"{folder} is not a folder")
        return None
    if not (folder / CERTIFICATE).is_file():
        if (folder / "scenario.toml").is_file():
            ledger.add("files", False, "this is a scenario, not a result: name the result of a study of it")
            return None
        if (folder / "checkpoint" / "state.json").is_file():
            ledger.add("files", False, "the study was interrupted: --resume goes on from its checkpoint")
            return None
        wanted = (*_ALWAYS, *SCHEDULES.values())
        absent = [name for name in wanted if not (folder / name).is_file()]
        also = f"; also missing: {', '.join(absent)}" if absent else "; every other file is there"
        if not any((folder / name).is_file() for name in _COORDINATED):  # no result of `coordinate`
            also = ""
        ledger.add(
            "files",
            False,
            f"{CERTIFICATE} is missing: saving was cut off before its end, or this is no result{also}",
        )
        return None
    try:
        certificate = read_json(folder / CERTIFICATE)
        {str(name): str(digest) for name, digest in certificate["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        ledger.add("certificate", False, f"{CERTIFICATE} is damaged: {error!r}")
        return None
    good = ledger.add(
        "certificate",
        certificate.get("format") == FORMAT,
        f"format {certificate.get('format')!r}, this version verifies format {FORMAT}",
    )
    return certificate if good else None


def find_scenario(
    folder: Path, certificate: Mapping[str, Any], ledger: CheckList, given: str | os.PathLike[str] | None
) -> Scenario | None:
    """Return a result's scenario, read anew, and whether its fingerprint matches the certificate.

    Parameters
    ----------
    folder : Path
        The result.
    certificate : mapping
        Its certificate, which says where the scenario is.
    ledger : CheckList
        Where to note what is found.
    given : path, optional
        Where the user says it is.
    """
    places = [Path(given)] if given is not None else []
    if given is None and isinstance(certificate.get("scenario"), str):
        places.append(folder.resolve() / certificate["scenario"])
    if given is None and isinstance(certificate.get("scenario_absolute"), str):
        places.append(Path(certificate["scenario_absolute"]))
    found = next((place for place in places if (place / "scenario.toml").is_file()), None)
    if found is None:
        looked = ", ".join(map(str, places)) or "the result does not say where it is"
        ledger.scenario_found = False
        ledger.add("scenario", False, f"not found ({looked}); give its folder with --scenario")
        return None
    try:
        scenario = read_tables(found)
    except Exception as error:  # whatever a forged or damaged file provokes is a failed check
        ledger.add("scenario", False, f"{found}: {type(error).__name__}: {error}")
        return None
    mine, theirs = scenario.sha256(), certificate.get("scenario_sha256")
    ledger.add(
        "scenario",
        mine == theirs,
        f"{found.name} has the fingerprint of the certificate"
        if mine == theirs
        else f"{found} has the fingerprint {mine[:16]}..., the certificate is for {str(theirs)[:16]}...",
    )
    return scenario


def read_claims(folder: Path, certificate: dict[str, Any], ledger: CheckList) -> Claims | None:
    """Check that every file is there and unchanged, and read all but the schedules.

    Returns
    -------
    Claims or None
        None where reading on makes no sense; the ledger says why.
    """
    listed = certificate["files"]
    try:
        rungs = tuple(rung for rung in SCHEDULES if rung in certificate["rungs"])
        for rung in rungs:
            for key in ("upgrade_cost", "lower_bound_cost", "total_regret_cost", "grid_slack_cost"):
                certificate["rungs"][rung][key]
    except (KeyError, TypeError) as error:
        ledger.add("certificate", False, f"{CERTIFICATE} is damaged: {error!r}")
        return None
    if not ledger.add(
        "rungs", "coordinated" in rungs, f"brackets are claimed for: {', '.join(rungs) or 'nothing'}"
    ):
        return None

    wanted = (*_ALWAYS, *(SCHEDULES[rung] for rung in rungs))
    if not check_files(folder, listed, wanted, ledger):
        return None
    try:
        files = ("feeders.parquet", "banks.parquet", "vehicles.parquet", "history.csv")
        tables = {Path(file).stem: read_table(folder, "coordination", file) for file in files}
        with xr.open_dataset(folder / "loads.nc", engine="h5netcdf") as data:
            loads = data.load()
        summary = read_json(folder / "summary.json")
    except Exception as error:  # damaged files raise all kinds of errors, deep in their readers
        ledger.add("readable", False, f"{type(error).__name__}: {error}")
        return None
    return Claims(folder, certificate, summary, tables, loads, rungs)


def check_files(folder: Path, listed: Mapping[str, str], wanted: tuple[str, ...], ledger: CheckList) -> bool:
    """Check that every file is there and as it was saved; return whether reading on makes sense.

    Parameters
    ----------
    folder : Path
        The result.
    listed : mapping of str to str
        Digests that the certificate gives, by name.
    wanted : tuple of str
        Files that a result has to have.
    ledger : CheckList
        Where to note what is found.
    """
    absent = [name for name in sorted({*wanted, *listed}) if not (folder / name).is_file()]
    unlisted = [name for name in wanted if name not in listed]
    if absent or unlisted:
        said = [f"missing: {', '.join(absent)}"] if absent else []
        said += [f"without a digest: {', '.join(unlisted)}"] if unlisted else []
        ledger.add("files", False, "; ".join(said))
        if absent:
            return False
    else:
        ledger.add("files", True, f"all {len(listed)} files are present")
    changed = [name for name, digest in listed.items() if _sha256(folder / name) != digest]
    ledger.add(
        "digests",
        not changed,
        f"changed since they were saved: {', '.join(changed)}"
        if changed
        else "every file is as it was saved",
    )
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
