"""What the files of a result claim, read without any trust in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from tidewatt.verification.ledger import Ledger

__all__ = ["SCHEDULES", "Claims", "read_claims"]

FORMAT = 1
SCHEDULES = {"session": "schedule_session.parquet", "coordinated": "schedule.parquet"}
_CERTIFICATE = "certificate.json"
_ALWAYS = ("summary.json", "feeders.parquet", "banks.parquet", "vehicles.parquet", "loads.nc", "history.csv")


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
    """A JSON object; infinities and nan are refused, as the standard has them not.

    Raises
    ------
    ValueError, OSError
        What is wrong with the file.
    """
    content = json.loads(path.read_text("utf-8"), parse_constant=_no_constant)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def read_claims(folder: Path, ledger: Ledger) -> Claims | None:
    """Check that every file is there and unchanged, and read all but the schedules.

    Returns
    -------
    Claims or None
        None where reading on makes no sense; the ledger says why.
    """
    if not folder.is_dir():
        ledger.add("result folder", False, f"{folder} is not a folder")
        return None
    if not (folder / _CERTIFICATE).is_file():
        wanted = (*_ALWAYS, *SCHEDULES.values())
        absent = [name for name in wanted if not (folder / name).is_file()]
        also = f"; also missing: {', '.join(absent)}" if absent else "; every other file is there"
        ledger.add(
            "files",
            False,
            f"{_CERTIFICATE} is missing: saving was cut off before its end, or this is no result{also}",
        )
        return None
    try:
        certificate = read_json(folder / _CERTIFICATE)
        listed = {str(name): str(digest) for name, digest in certificate["files"].items()}
        rungs = tuple(rung for rung in SCHEDULES if rung in certificate["rungs"])
        for rung in rungs:
            for key in ("upgrade_cost", "lower_bound_cost", "total_regret_cost", "grid_slack_cost"):
                certificate["rungs"][rung][key]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        ledger.add("certificate", False, f"{_CERTIFICATE} is damaged: {error!r}")
        return None
    if not ledger.add(
        "certificate",
        certificate.get("format") == FORMAT,
        f"format {certificate.get('format')!r}, this version verifies format {FORMAT}",
    ):
        return None
    if not ledger.add(
        "rungs", "coordinated" in rungs, f"brackets are claimed for: {', '.join(rungs) or 'nothing'}"
    ):
        return None

    wanted = (*_ALWAYS, *(SCHEDULES[rung] for rung in rungs))
    absent = [name for name in sorted({*wanted, *listed}) if not (folder / name).is_file()]
    unlisted = [name for name in wanted if name not in listed]
    if absent or unlisted:
        said = [f"missing: {', '.join(absent)}"] if absent else []
        said += [f"without a digest: {', '.join(unlisted)}"] if unlisted else []
        ledger.add("files", False, "; ".join(said))
        if absent:
            return None
    else:
        ledger.add("files", True, f"all {len(listed)} are there")
    changed = [name for name, digest in listed.items() if _sha256(folder / name) != digest]
    ledger.add(
        "digests",
        not changed,
        f"changed since they were saved: {', '.join(changed)}"
        if changed
        else "every file is as it was saved",
    )
    try:
        tables = {
            name: pd.read_parquet(folder / f"{name}.parquet") for name in ("feeders", "banks", "vehicles")
        }
        tables["history"] = pd.read_csv(folder / "history.csv")
        with xr.open_dataset(folder / "loads.nc", engine="h5netcdf") as data:
            loads = data.load()
        summary = read_json(folder / "summary.json")
    except Exception as error:  # damaged files raise all kinds of errors, deep in their readers
        ledger.add("readable", False, f"{type(error).__name__}: {error}")
        return None
    return Claims(folder, certificate, summary, tables, loads, rungs)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
