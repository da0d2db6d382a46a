"""What an option is, and how the options of one study are checked and put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from types import NoneType
from typing import Annotated, Any, Generic, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.spelling import did_you_mean

__all__ = ["Declared", "Option", "OptionSet", "Seed", "Threads", "TimeLimit", "check_value"]

Options = TypeVar("Options")

_LONGEST_SHOWN = 60  # characters of a value in a message
_TALL = 2**53
"""Whole numbers above this are shown as powers of two."""


@dataclass(frozen=True, slots=True)
class Option:
    """The metadata in `Annotated` beside the type of an option.

    Attributes
    ----------
    default : object
        Value where neither the call nor the scenario gives one.
    help : str
        One or two sentences. Other options stand in backticks.
    least, most : float
        Range of a number, ends included.
    unit : str
        Unit of a number, empty where it has none.
    infinite : str
        What an infinite number means, such as "no limit"; empty where none is allowed.
    default_words : str
        What the default means, where the value itself does not say it.
    source : str
        Where the default comes from, and the equations that use it. (+) marks a value that is not verified
        against a primary source.
    plugins : callable, optional
        Returns the names of what installed packages bring, which will do as well as the texts of the type.
    scenario_only : bool
        Whether it acts while a scenario is read, so that a call is too late for it.
    """

    default: Any
    help: str
    least: float = -math.inf
    most: float = math.inf
    unit: str = ""
    infinite: str = ""
    default_words: str = ""
    source: str = ""
    plugins: Callable[[], Iterable[str]] | None = None
    scenario_only: bool = False


# These mean the same in every study that has them.
Seed = Annotated[int, Option(0, "Seed of every random choice.", least=0, most=2**63)]
Threads = Annotated[
    int,
    Option(
        0,
        "Worker threads. They do not change the result.",
        least=0,
        most=4096,
        default_words="0: one per processor",
    ),
]
TimeLimit = Annotated[
    float, Option(math.inf, "Stop after so many seconds.", least=0, unit="s", infinite="no limit")
]


@dataclass(frozen=True, slots=True)
class Declared:
    """An option with its name and what follows from its type.

    Attributes
    ----------
    name : str
    type : object
        As annotated, without the `Option`.
    option : Option
    words : tuple of str
        Texts that it can be, empty for other types.
    number : type or None
        ``int`` or ``float`` where it can be a number or a row of them.
    length : int
        How many numbers it is; 0: one number that stands by itself.
    """

    name: str
    type: Any
    option: Option
    words: tuple[str, ...]
    number: type[int] | type[float] | None
    length: int

    @classmethod
    def of(cls, name: str, annotation: Any) -> Declared:
        """Return the option that an annotation declares."""
        kind, option = get_args(annotation)
        whole = get_origin(kind)
        parts = get_args(kind) if whole not in (None, Literal, tuple) else (kind,)
        words = tuple(word for part in parts if get_origin(part) is Literal for word in get_args(part))
        row = get_args(kind) if whole is tuple else ()
        numbers = [part for part in (*parts, *row) if part in (int, float)]
        return cls(name, kind, option, words, numbers[0] if numbers else None, len(row))

    @property
    def flag(self) -> str:
        """The flag of the option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def type_name(self) -> str:
        """The type as written in Python."""
        if isinstance(self.type, type):
            return self.type.__name__
        return str(self.type).replace("typing.", "")

    @property
    def default(self) -> str:
        """The default in words."""
        return self.option.default_words or self.shown(self.option.default)

    def shown(self, value: Any) -> str:
        """Return a value as users write it."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return " ".join(map(_figure, value))
        if self.option.infinite and value == math.inf:
            return self.option.infinite
        return value if isinstance(value, str) else f"{_figure(value)} {self.option.unit}".rstrip()

    @property
    def allowed(self) -> str:
        """The allowed values, in words that follow "Give"."""
        if self.number is None:
            texts = " or ".join(self.words) if len(self.words) < 3 else f"one of {', '.join(self.words)}"
            return f"{texts}, or the name of an installed plugin" if self.option.plugins else texts
        kind = "a whole number" if self.number is int else "a number"
        if self.length:
            kind = f"{({2: 'two', 4: 'four'})[self.length]} numbers"
        low, high = self.option.least, self.option.most
        unit = f" {self.option.unit}" if self.option.unit else ""
        if math.isfinite(high):
            kind += f" from {_figure(low)} to {_figure(high)}{unit}"
        elif math.isfinite(low):
            kind += f" of {_figure(low)}{unit} or more"
        else:
            kind += f" in {self.option.unit}" if unit else ""
        words = [*self.words, *([f"inf ({self.option.infinite})"] if self.option.infinite else [])]
        return ", or ".join([kind, *words])

    def accepts(self, value: Any) -> bool:
        """Tell whether a value is allowed for the option."""
        if value is None:
            return NoneType in get_args(self.type)
        if isinstance(value, str):
            return value in {*self.words, *self._installed()}
        if self.number is None:
            return isinstance(value, bool) and not self.words
        if self.length:
            row = isinstance(value, (tuple, list)) and len(value) == self.length
            return row and all(map(self._in_range, value))
        return self._in_range(value)

    def _in_range(self, value: Any) -> bool:
        """Tell whether a value is a number of the right kind and within range."""
        kind = Integral if self.number is int else Real
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        if isinstance(value, Integral):  # as it is: one of 400 digits has no float
            return self.option.least <= int(value) <= self.option.most
        number = float(value)
        if math.isinf(number):
            return number > 0 and bool(self.option.infinite)
        return self.option.least <= number <= self.option.most  # false for nan

    def issue(self, section: str, value: Any) -> Issue:
        """Return what is wrong with a value that is not allowed."""
        flag = self.number is None and not self.words
        named = f" (installed: {', '.join(names)})" if (names := self._installed()) else ""
        # The command reads a whole number as 2.0 where file and function were given 2.
        whole = isinstance(value, float) and value.is_integer() and abs(value) < _TALL
        shown = _short(repr(int(value)) if whole else repr(value))
        return Issue(
            section,
            self.name,
            f"found {shown}",
            f"Give {'true or false' if flag else self.allowed}{named}",
        )

    def _installed(self) -> list[str]:
        """Return the names of plugins that the option accepts."""
        return sorted(self.option.plugins()) if self.option.plugins else []


class OptionSet(Generic[Options]):
    """The options of one study.

    Parameters
    ----------
    section : str
        Name of its section in ``scenario.toml``.
    declared : type
        `TypedDict` whose fields are `Annotated` with an `Option`.
    together : callable, optional
        From values that are right one by one to what is wrong with them together: option, problem and fix.
    """

    def __init__(
        self,
        section: str,
        declared: type[Options],
        together: Callable[[Options], Iterable[tuple[str, str, str]]] | None = None,
    ) -> None:
        self.section = section
        self._declared = declared
        self._together = together

    @cached_property
    def every(self) -> dict[str, Declared]:
        """All options by name, in the order of their declaration."""
        hints = get_type_hints(self._declared, include_extras=True)
        return {name: Declared.of(name, hint) for name, hint in hints.items()}

    @property
    def of_calls(self) -> dict[str, Declared]:
        """The options that functions and commands take."""
        return {name: one for name, one in self.every.items() if not one.option.scenario_only}

    def issues(self, given: Mapping[str, Any]) -> list[Issue]:
        """Return everything that is wrong with options; None counts as not given."""
        values, issues = self._one_by_one(given)
        return issues or self._wrong_together(values)

    def check(self, **asked: Any) -> None:
        """Raise if options of a call are wrong whatever else the scenario gives."""
        if issues := self._one_by_one(asked)[1]:
            raise ScenarioError(issues)

    def resolve(self, sections: Mapping[str, Mapping[str, Any]] | None = None, /, **asked: Any) -> Options:
        """Return every option's value: from the call, else from the scenario, else the default.

        Parameters
        ----------
        sections : mapping, optional
            Options that the scenario gives, by section, as in `Scenario.parameters`.
        **asked
            Options of the call; None counts as not given.

        Raises
        ------
        ScenarioError
            With everything that is wrong at once.
        """
        of_scenario = (sections or {}).get(self.section, {})
        of_call = {name: value for name, value in asked.items() if value is not None}
        values, issues = self._one_by_one({**of_scenario, **of_call})
        for name, one in self.every.items():
            former = of_scenario.get(name, one.option.default)
            if one.option.scenario_only and of_call.get(name, former) != former:
                problem = "the scenario has already been read, so this has no effect now"
                fix = f"Set it in [{self.section}] of scenario.toml"
                issues.append(Issue(self.section, name, problem, fix))
        if issues := issues or self._wrong_together(values):
            raise ScenarioError(issues)
        return cast(Options, values)

    def lenient(self, sections: Mapping[str, Mapping[str, Any]]) -> Options:
        """Return what a scenario's own section says, with defaults in place of invalid values.

        For checks that go on beside others, which report what is wrong.
        """
        return cast(Options, self._one_by_one(sections.get(self.section, {}))[0])

    def _one_by_one(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Issue]]:
        """Return the values of all options, and what is wrong with each given one: unknown names first."""
        values = {name: one.option.default for name, one in self.every.items()}
        issues = []
        for name in sorted(given.keys() - values.keys()):
            fix = f"Correct or remove it: {did_you_mean(name, values)}"
            issues.append(Issue(self.section, name, f"unknown option {name!r}", fix))
        for name, one in self.every.items():
            if (value := given.get(name)) is None:
                continue
            if one.accepts(value):
                values[name] = tuple(map(float, value)) if one.length else value
            else:
                issues.append(one.issue(self.section, value))
        return values, issues

    def _wrong_together(self, values: dict[str, Any]) -> list[Issue]:
        found = () if self._together is None else self._together(cast(Options, values))
        return [Issue(self.section, *each) for each in dict.fromkeys(found)]


def _figure(value: float) -> str:
    """Return a number with as few characters as state it accurately enough."""
    if value >= _TALL and value == 2 ** math.frexp(value)[1] // 2:
        return f"2^{math.frexp(value)[1] - 1}"
    if value == round(value) and 1000 <= abs(value) < _TALL:
        return f"{round(value):,}"
    return f"{value:.12g}"


def check_value(place: str, name: str, declared: Any, value: Any) -> None:
    """Raise if an argument that is declared as an option of its own, such as a `Seed`, is wrong.

    Raises
    ------
    ScenarioError
    """
    one = Declared.of(name, declared)
    if not one.accepts(value):
        raise ScenarioError([one.issue(place, value)])


def _short(text: str) -> str:
    """Return a value as it may stand in a message."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
