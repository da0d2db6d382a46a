"""``scenario.toml``: models of its content, reading and writing."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from tidewatt.domain.horizon import Horizon
from tidewatt.errors import Issue
from tidewatt.options.spelling import did_you_mean
from tidewatt.options.studies import STUDIES

__all__ = ["CONFIG_FILE", "Config", "parse_config", "read_config", "toml_text"]

CONFIG_FILE = "scenario.toml"
_LONGEST_CURRENCY = 40
"""Longest currency name, in characters, that fits on the axis of a figure."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


def _currency(words: str) -> str:
    """Return the unit of money, such as ``USD`` or ``10,000 yuan``: words for people, on one line."""
    if len(words) > _LONGEST_CURRENCY or not words.isprintable():
        problem = "It should be one line of at most {most} characters, such as USD or 10,000 yuan"
        raise PydanticCustomError("currency", problem, {"most": _LONGEST_CURRENCY})
    return words.strip()


class HorizonModel(_Strict):
    """Section ``[horizon]``."""

    start: datetime = Field(strict=False)
    step_min: float = Field(gt=0, le=44_640)
    steps: int = Field(gt=0, le=2_000_000)


class SamplingModel(_Strict):
    """Section ``[sampling]``: how vehicles were drawn from a whole fleet."""

    adoption: float | None = Field(default=None, gt=0, le=1)
    vehicles_total: float | None = Field(default=None, gt=0)
    method: str | None = None
    seed: int | None = Field(default=None, ge=0)
    source: str | None = None
    year: int | None = None
    divisions: list[str] | None = None


class RoadsModel(_Strict):
    """Section ``[roads]``: what the road network's figures mean; all keys are optional."""

    period_h: float = Field(default=1.0, gt=0, le=8784)
    toll_weight_min: float = Field(default=0.0, ge=0)
    distance_weight_min_per_km: float = Field(default=0.0, ge=0)
    time_unit_min: float = Field(default=1.0, gt=0)


class ConfigModel(_Strict):
    """The whole of ``scenario.toml``. Sections of studies are checked by the options they declare."""

    name: str = Field(default="", max_length=500)
    currency: Annotated[str, AfterValidator(_currency)] = ""
    crs: str | None = None
    horizon: HorizonModel
    sampling: SamplingModel = SamplingModel()
    roads: RoadsModel = RoadsModel()
    coordination: dict[str, Any] = {}
    simulation: dict[str, Any] = {}
    assign: dict[str, Any] = {}
    configuration: dict[str, Any] = {}
    tariff: dict[str, Any] = {}


_ANY_HORIZON = {"horizon": {"start": datetime(2000, 1, 1), "step_min": 1.0, "steps": 1440}}
_UNREAD_CRS = "km"
_SECTIONS: dict[str, type[BaseModel]] = {
    "": ConfigModel,
    "horizon": HorizonModel,
    "sampling": SamplingModel,
    "roads": RoadsModel,
}


class Config:
    """What ``scenario.toml`` says, as far as it could be understood.

    Attributes
    ----------
    name : str
        Name of the scenario.
    horizon : Horizon or None
        None where it was missing or wrong.
    parameters : dict
        By study; ``crs`` stands under ``"scenario"``.
    sampling : dict
        How vehicles were drawn.
    currency : str
        What costs and prices are in; empty where not given.
    crs : str
        Reference system of coordinates; empty where not given.
    roads : dict
        What the road network's figures mean, by attribute of `Roads`; defaults filled in.
    """

    def __init__(self, model: ConfigModel | None, name: str = "") -> None:
        self.name = name
        self.horizon: Horizon | None = None
        self.currency = "" if model is None else model.currency
        self.parameters: dict[str, dict[str, Any]] = {}
        self.sampling: dict[str, Any] = {}
        # Where the file says nothing that can be read, its unit is not missing besides.
        self.crs = _UNREAD_CRS if model is None else (model.crs or "").strip()
        self.roads: dict[str, float] = (RoadsModel() if model is None else model.roads).model_dump()
        if model is None:
            return
        h = model.horizon
        self.name = model.name or name
        self.horizon = Horizon(h.start, float(h.step_min), h.steps)
        self.sampling = model.sampling.model_dump(exclude_none=True)
        for study in STUDIES:
            if given := getattr(model, study):
                self.parameters[study] = dict(given)
        if model.crs is not None:
            self.parameters["scenario"] = {"crs": model.crs}


def read_config(folder: Path, issues: list[Issue]) -> Config:
    """Read ``scenario.toml`` of a folder; problems go to `issues`."""
    path = folder / CONFIG_FILE
    raw: dict[str, Any] | None = None
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        other = [file.name for file in sorted(folder.glob("*.toml"))]
        fix = f"Rename {other[0]} to {CONFIG_FILE}" if other else "Write one with a [horizon] section"
        issues.append(Issue(CONFIG_FILE, "", f"the file is missing in {folder}", fix))
    except UnicodeDecodeError as error:
        problem = f"the file is not UTF-8 text (byte 0x{error.object[error.start]:02x} at {error.start})"
        issues.append(Issue(CONFIG_FILE, "", problem, "Save it with the encoding UTF-8"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        fix = "Correct that place; texts stand in double quotes, times as 2027-01-11T00:00:00"
        issues.append(Issue(CONFIG_FILE, "", f"the file is not TOML: {error}", fix))
    except OSError as error:
        fix = "Check the permissions of the file"
        issues.append(Issue(CONFIG_FILE, "", f"the file cannot be read: {error.strerror or error}", fix))
    return Config(None, folder.name) if raw is None else parse_config(raw, issues, folder.name)


def parse_config(raw: Mapping[str, Any], issues: list[Issue], name: str = "") -> Config:
    """Check the content of ``scenario.toml``; problems go to `issues`, the rest is used."""
    found: list[Issue] = []
    cleaned = {key: value for key, value in raw.items()}
    no_horizon = crs_unread = False
    try:
        model = ConfigModel.model_validate(cleaned)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            found.append(_issue(tuple(map(str, detail["loc"])), detail))
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        # What is right besides is still worth checking.
        cleaned = {key: value for key, value in cleaned.items() if key not in wrong}
        no_horizon, crs_unread = "horizon" in wrong, "crs" in wrong
        model = ConfigModel.model_validate(cleaned | (_ANY_HORIZON if no_horizon else {}))
    if model.horizon.start.tzinfo is not None:
        problem = f"{model.horizon.start.isoformat()} has an offset from UTC"
        found.append(Issue(CONFIG_FILE, "horizon.start", problem, "Give local time without an offset"))
        model.horizon.start = model.horizon.start.replace(tzinfo=None)
    for study, options in STUDIES.items():
        wrong_there = options.issues(getattr(model, study))
        found += [replace(i, table=CONFIG_FILE, field=f"{study}.{i.field}") for i in wrong_there]
    issues.extend(found)
    config = Config(model, name)
    if no_horizon:
        config.horizon = None
    if crs_unread:
        config.crs = _UNREAD_CRS
    return config


def _issue(where: tuple[str, ...], detail: Any) -> Issue:
    key = ".".join(where)
    section, last = ".".join(where[:-1]), where[-1]
    known = _SECTIONS.get(section)
    value = detail.get("input")
    if detail["type"] == "extra_forbidden" and known is not None:
        place = f"[{section}]" if section else "the file"
        hint = did_you_mean(last, known.model_fields)
        return Issue(CONFIG_FILE, key, f"unknown key {last!r} in {place}", f"Correct or remove it: {hint}")
    if detail["type"] == "missing":
        if key == "horizon":
            fix = "Add [horizon] with start, step_min and steps"
        else:
            fix = f"Add it under [{section}]"
        return Issue(CONFIG_FILE, key, f"{last} is missing", fix)
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    advice = str(detail["msg"]).replace("Input should", "It should")
    advice = re.sub(r"dictionary( or instance of \w+)?", "section", advice)
    return Issue(CONFIG_FILE, key, f"the value is {shown}", advice)


def toml_text(content: Mapping[str, Any]) -> str:
    """Return content as TOML: scalars and lists first, then one section per mapping."""
    lines = [
        f"{_key(key)} = {_value(value)}" for key, value in content.items() if not isinstance(value, Mapping)
    ]
    for key, section in content.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{_key(key)}]"]
            lines += [f"{_key(name)} = {_value(value)}" for name, value in section.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() else _value(name)


def _value(value: Any) -> str:
    if hasattr(value, "item"):  # numpy scalars
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # also inf and nan are TOML
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
