"""Flags that several commands share, and flags made from declared options."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, TypedDict, TypeVar

from cyclopts import Group, Parameter, Token

from tidewatt.options.declaration import Declared, OptionSet

__all__ = ["Json", "Overwrite", "Seed", "Switch", "takes_options"]

Json = Annotated[
    bool,
    Parameter(
        name="--json",
        negative="",
        show_default=False,
        help="Print the summary as one JSON object on standard output, and nothing else there.",
    ),
]
Overwrite = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Replace a scenario that is already in the folder; by default it is kept and the "
        "command refuses.",
    ),
]
Seed = Annotated[int, Parameter(help="Seed for all random choices; the same seed gives the same output.")]
Switch = Parameter(negative="", show_default=False)


Command = TypeVar("Command", bound=Callable[..., Any])


def takes_options(
    options: OptionSet[Any], into: str = "options", *, only: Collection[str] = (), group: str = ""
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command a flag for each option.

    Parameters
    ----------
    options : OptionSet
    into : str
        Parameter of the command that receives those given, by name; what is not given is absent.
    only : collection of str
        Take these options alone.
    group : str
        Heading in the help; empty: that of the other flags.
    """
    chosen = {name: one for name, one in options.of_calls.items() if not only or name in only}
    heading = Parameter(group=Group(group)) if group else Parameter()
    fields = {name: _flag(one, chosen, heading) for name, one in chosen.items()}
    flags: Any = TypedDict("flags", fields, total=False)  # type: ignore[misc]

    def decorate(command: Command) -> Command:
        command.__annotations__[into] = Annotated[flags | None, Parameter(name="*")]
        return command

    return decorate


def _flag(one: Declared, others: Mapping[str, Declared], heading: Parameter) -> Any:
    """Return the type of an option, annotated with what its flag needs."""
    text = re.sub(r"`([\w-]+)`", lambda m: others[m[1]].flag if m[1] in others else m[1], one.option.help)
    if one.number is not None:
        text += f" {one.allowed[0].upper()}{one.allowed[1:]}."
    if one.type is bool:  # two flags, of which one is the default
        default, more = f"--{'' if one.option.default else 'no-'}{one.flag[2:]}", Parameter()
    else:
        default, more = one.default, Parameter(negative="", converter=_reader(one))
    said = Parameter(name=one.flag, help=f"{text} [default: {default}]", show_default=False)
    return Annotated[one.type, heading, said, more, _Unchecked()]


class _Unchecked:
    """Keep pydantic, which cyclopts uses for validation, from validating what tidewatt checks itself."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()


def _reader(one: Declared) -> Callable[[Any, Sequence[Token]], Any]:
    """Return the function that reads an option; what it cannot read is left to the checks."""

    def read(kind: Any, tokens: Sequence[Token]) -> Any:
        values = [_value(token.value, one.number) for token in tokens]
        return tuple(values) if one.length else values[0]

    return read


def _value(text: str, number: type | None) -> Any:
    for kind in [int, float] if number is int else [float] if number is float else []:
        try:
            return kind(text)
        except ValueError:
            pass
    return text
