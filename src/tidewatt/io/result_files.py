"""What the folders of all results share: their JSON files, digests, and where the scenario is."""

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

from tidewatt.errors import TidewattError
from tidewatt.result import RunInfo, Status

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario

__all__ = [
    "CERTIFICATE",
    "FORMAT",
    "absent_files",
    "beside",
    "digests",
    "finite",
    "provenance",
    "read_json",
    "scenario_places",
    "write_json",
]

FORMAT = 1
"""Version of the layout of a result folder."""

CERTIFICATE = "certificate.json"
"""The file that comes last and tells what the others must be."""


def provenance(scenario_folder: str | os.PathLike[str], result_folder: Path, run: RunInfo) -> dict[str, Any]:
    """Version of the layout, where the scenario is, and the run: what every certificate begins with."""
    where = Path(scenario_folder).resolve()
    return {
        "format": FORMAT,
        "scenario": _relative(where, result_folder.resolve()),
        "scenario_absolute": str(where),
        "scenario_sha256": run.scenario_sha256,
        "run": asdict(run),
    }


def scenario_places(result_folder: Path) -> list[Path]:
    """Where the scenario of a result may be, by its certificate: the likeliest first."""
    certificate = read_json(result_folder / CERTIFICATE)
    near, far = certificate.get("scenario"), certificate.get("scenario_absolute")
    places = [result_folder.resolve() / near] if isinstance(near, str) else []
    return places + ([Path(far)] if isinstance(far, str) else [])


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path from there."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): _sha256(file) for file in files}


def absent_files(folder: Path, certificate: Mapping[str, Any]) -> list[str]:
    """Files that the certificate lists and the folder lacks."""
    return [name for name in certificate["files"] if not (folder / name).is_file()]


def beside(folder: Path, scenario: Scenario) -> Path:
    """Where the scenario of a result stands below it; never in the place of another result's scenario."""
    from tidewatt.io.scenario.writing import write_scenario

    mine, where = scenario.sha256(), folder / "scenario"
    if where.exists():
        former = read_json(folder / CERTIFICATE) if (folder / CERTIFICATE).is_file() else {}
        if former.get("scenario_sha256") == mine and former.get("scenario") == where.name:
            return where
        where = folder / f"scenario-{mine[:8]}"
    write_scenario(scenario, where)
    return where


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object; numbers that are not finite become null."""
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a result folder.

    Raises
    ------
    TidewattError
        What is wrong with the file and what to do.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TidewattError(_absent(path)) from None
    except (OSError, ValueError) as error:
        raise TidewattError(f"{path}: unreadable ({error}). Run the study again.") from error
    if not isinstance(content, dict):
        raise TidewattError(f"{path}: not a JSON object. Run the study again.")
    return content


def _absent(path: Path) -> str:
    """Why a file may be missing from its folder, and what to do."""
    folder = path.parent
    if (folder / "scenario.toml").is_file():
        return f"{folder} is a scenario, not a result. Name the result of a study of it."
    if (folder / "checkpoint" / "state.json").is_file():
        return f"{folder}: the study was interrupted. Run it again with --resume, which goes on from there."
    return (
        f"{folder} holds no complete result: {path.name} is missing. "
        "Either this is another folder, or saving was cut off: run the study again."
    )


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Null back to nan."""
    return {key: math.nan if value is None else value for key, value in values.items()}


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


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _relative(path: Path, start: Path) -> str | None:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive
        return None
