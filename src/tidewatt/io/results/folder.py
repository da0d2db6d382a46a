"""Result folders: how all results are saved and loaded, and what their JSON files and digests share."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.errors import SolveWarning, TidewattError
from tidewatt.io.replacement import Fate, kept_folder, replaced_folder, settled
from tidewatt.io.results.specification import (
    CERTIFICATE,
    CHECKPOINT,
    FIGURES,
    FORMAT,
    OWN_SCENARIO,
    SHARE,
    SWEEP,
    ResultFile,
    ResultSpecification,
)
from tidewatt.result import RunInfo, Status, money

if TYPE_CHECKING:
    from tidewatt.assignment.result import Equilibrium
    from tidewatt.configuration.result import Configuration
    from tidewatt.coordination.result import Coordination
    from tidewatt.simulation.result import Simulation
    from tidewatt.tariffs.result import Tariffs

    Result = Coordination | Simulation | Equilibrium | Configuration | Tariffs

__all__ = ["load", "read_json", "save", "scenario_places", "specification"]

# Which module here declares the files of a kind of result, by the name of its class in small letters.
# Certificates name their kind; those without one are of `coordinate`.
_MODULES = {
    "coordination": "coordination",
    "simulation": "simulation",
    "equilibrium": "assignment",
    "configuration": "configuration",
    "tariffs": "tariffs",
}
KINDS = tuple(_MODULES)


def specification(kind: str) -> ResultSpecification:
    """Return the specification of a kind of result."""
    found: ResultSpecification = import_module(f"tidewatt.io.results.{_MODULES[kind]}").FILES
    return found


def save(
    result: Result,
    folder: str | os.PathLike[str],
    *,
    scenario_folder: str | os.PathLike[str] | None = None,
    soc: bool = False,
) -> Path:
    """Write a result as a folder of files that `tidewatt verify` can check.

    A result that stands there already is replaced as a whole, with its figures; until every new file is
    complete it stays as it is. A checkpoint stays. Files in it that are none of tidewatt's are moved to
    ``FOLDER-kept``, those of a folder that was no result stay; a warning names them.

    Parameters
    ----------
    result : Coordination, Simulation, Equilibrium, Configuration or Tariffs
        What a study returned.
    folder : path
        Where to write; made where it is missing.
    scenario_folder : path, optional
        The scenario's own folder, so that `verify` finds it. Where there is none, the scenario is written
        below the result, into ``scenario``.
    soc : bool
        Whether to write ``soc.parquet`` of a coordination: the state of charge at every arrival and
        departure.

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
        schedules or itineraries in memory: copy its folder instead).
    """
    from tidewatt.io.scenario.writing import write_scenario

    kind = type(result).__name__.lower()
    if kind not in _MODULES:
        raise TidewattError(f"{type(result).__name__} is no result of a study: give what a study returned.")
    spec, final = specification(kind), Path(folder)
    if spec.needs and not _given(getattr(result, spec.needs)):
        raise TidewattError(
            f"This result has no {spec.needs} in memory, as after `load`: copy its folder, or "
            f"run {spec.study} "
            f"again."
        )
    known = None if scenario_folder is None else Path(scenario_folder)
    if known is None and result.scenario is None:
        raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
    if (final / "scenario.toml").exists() and not (final / CERTIFICATE).exists():
        raise TidewattError(f"{final} holds a scenario: name another folder for the result.")
    place = known or final / (spec.own_scenario or OWN_SCENARIO)
    fate = _Fates(final, place)
    with replaced_folder(final, fate=fate) as temporary:
        for file in spec.files:
            if file.attribute:
                _write(temporary / file.name, result, file, spec)
        spec.write_more(result, temporary, known, soc)
        if known is None and result.scenario is not None and not spec.own_scenario:
            write_scenario(result.scenario, temporary / OWN_SCENARIO)
        certificate = {"kind": spec.kind} if "kind" in spec.file(CERTIFICATE).names else {}
        certificate |= _provenance(place, final, result.run) | spec.claims(result)
        _write_json(temporary / CERTIFICATE, certificate | {"files": _digests(temporary)})
    if fate.apart:
        where = f"is now in {kept_folder(final)}" if fate.was_result else "was left there"
        warnings.warn(
            f"{final} held what is no part of a result: {', '.join(fate.apart)}. It {where}.",
            SolveWarning,
            stacklevel=2,
        )
    return final


class _Fates:
    """What becomes of the entries of a result folder when another result takes its place."""

    def __init__(self, folder: Path, scenario: Path) -> None:
        self._folder, self._scenario = folder.resolve(), scenario.resolve()
        # Files of a folder that was never a result are not ours to move.
        self.was_result = any((folder / name).exists() for name in (CERTIFICATE, CHECKPOINT, SWEEP))
        self.apart: list[str] = []

    def __call__(self, name: str) -> Fate:
        entry = self._folder / name
        if name == CHECKPOINT or name.startswith(".") or self._scenario.is_relative_to(entry):
            return "carry"
        if known_entry(name) and self.was_result:
            return "drop"
        self.apart.append(name)
        return "apart" if self.was_result else "carry"


def known_entry(name: str) -> bool:
    """Return whether tidewatt may have put an entry of that name into a result folder."""
    own = {OWN_SCENARIO, FIGURES, SWEEP, CERTIFICATE, CHECKPOINT}
    for kind in KINDS:
        spec = specification(kind)
        own |= {file.name for file in spec.files} | {spec.own_scenario}
    # Earlier versions put a scenario beside that of a former result.
    return name in own or name.startswith((SHARE, f"{OWN_SCENARIO}-"))


def _given(value: Any) -> bool:
    return value is not None and not (isinstance(value, Mapping) and not value)


def _write(path: Path, result: Any, file: ResultFile, spec: ResultSpecification) -> None:
    from tidewatt.io.results import formats

    value = getattr(result, file.attribute)
    if (file.absent == "none" and value is None) or (file.absent == "empty" and not len(value)):
        return
    if file.format == "json":
        _write_json(path, dict(value))
    elif file.format == "nc":
        others = spec.elsewhere(file)
        if others:
            value = value[[name for name in value.data_vars if name not in others]]
        formats.write_dataset(path, value, file, str(result.figures["scenario"]))
    else:
        formats.write_table(path, value, file, spec.study, money(result.figures))


def load(folder: str | os.PathLike[str]) -> Any:
    """Read a result folder; large files are read on demand.

    Nothing is proved by reading: `tidewatt verify` does that.

    Returns
    -------
    Coordination, Simulation, Equilibrium, Configuration or Tariffs

    Raises
    ------
    TidewattError
        Where files are missing, damaged or of another version; the text names them.
    """
    here = settled(folder)
    certificate = read_json(here / CERTIFICATE)
    kind = certificate.get("kind", "coordination")
    if certificate.get("format") != FORMAT or kind not in _MODULES:
        what = "" if kind in _MODULES else f" of kind {kind!r}"
        raise TidewattError(
            f"{here / CERTIFICATE}: format {certificate.get('format')!r}{what}; "
            f"this version reads format {FORMAT}. "
            "Run the study again, or use the version of tidewatt that wrote it."
        )
    try:
        absent = [name for name in certificate["files"] if not (here / name).is_file()]
        if absent:
            raise TidewattError(f"{here}: missing {', '.join(absent)}. Run the study again.")
        spec = specification(kind)
        values: dict[str, Any] = {}
        for file in spec.files:
            if file.attribute:
                _read(here, file, spec, certificate, values)
        values["run"] = RunInfo(**finite(certificate["run"]))
        return spec.result(**values, **spec.restore(here, certificate))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TidewattError(
            f"{here}: damaged or of another version ({error}). Run `tidewatt verify` on it to see what "
            "does not match, or run the study again."
        ) from error


def _read(
    folder: Path,
    file: ResultFile,
    spec: ResultSpecification,
    certificate: Mapping[str, Any],
    values: dict[str, Any],
) -> None:
    """Read a file into the attribute that it holds."""
    import pandas as pd

    from tidewatt.io.results import formats

    path, attribute = folder / file.name, file.attribute
    if file.absent and file.name not in certificate["files"]:
        values[attribute] = None if file.absent == "none" else pd.DataFrame(columns=list(file.names))
    elif file.format == "json":
        figures = read_json(path)
        sections = {column.name for column in file.columns if column.dtype == "section"}
        plain = {name: value for name, value in figures.items() if name in sections or not spec.null_is_nan}
        values[attribute] = finite(figures) | plain
    elif file.format == "nc":
        data = formats.read_dataset(path)
        values[attribute] = values[attribute].merge(data) if attribute in values else data
    else:
        values[attribute] = pd.read_parquet(path) if file.format == "parquet" else formats.read_csv(path)


def _provenance(scenario_folder: Path, result_folder: Path, run: RunInfo) -> dict[str, Any]:
    """Return the first entries of every certificate: its format, where the scenario is, and the run."""
    where = scenario_folder.resolve()
    return {
        "format": FORMAT,
        "scenario": _relative(where, result_folder.resolve()),
        "scenario_absolute": str(where),
        "scenario_sha256": run.scenario_sha256,
        "run": asdict(run),
    }


def scenario_places(result_folder: Path) -> list[Path]:
    """Return where a result's scenario may be, according to its certificate, the likeliest place first."""
    certificate = read_json(result_folder / CERTIFICATE)
    near, far = certificate.get("scenario"), certificate.get("scenario_absolute")
    places = [result_folder.resolve() / near] if isinstance(near, str) else []
    return places + ([Path(far)] if isinstance(far, str) else [])


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by relative path."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): _sha256(file) for file in files}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object; numbers that are not finite become null."""
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a result folder.

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
        raise TidewattError(f"{path}: cannot be read ({error}). Run the study again.") from error
    if not isinstance(content, dict):
        raise TidewattError(f"{path}: not a JSON object. Run the study again.")
    return content


def _absent(path: Path) -> str:
    """Return why a file may be missing from its folder, and what to do."""
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
    """Return the values with nan in place of null."""
    return {key: math.nan if value is None else value for key, value in values.items()}


def _plain(value: Any) -> Any:
    """Return the value in a form that JSON can hold; null if a number is not finite."""
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
