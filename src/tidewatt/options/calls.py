"""The keywords and the help of a function, from the declaration of its options."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from tidewatt.options.declaration import Declared, OptionSet

__all__ = ["documented", "entry"]

Function = TypeVar("Function", bound=Callable[..., Any])

_WIDTH = 100


def documented(options: OptionSet[Any]) -> Callable[[Function], Function]:
    """Return a decorator that shows all options in the signature and in the docstring of a function.

    The function takes them as ``**options``, which type checkers unpack; its docstring has that entry, and
    the options take its place.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        kept = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        kept += [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=one.option.default, annotation=one.type
            )
            for name, one in options.of_calls.items()
        ]
        function.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        if function.__doc__ is not None:  # none where Python leaves docstrings out
            entries = "".join(entry(one) for one in options.of_calls.values())
            # From Python 3.13 on, the compiler takes the margin of docstrings away.
            said = re.compile(r"^( *)\*\*options\n(?:\1 {4}.*\n)+", re.M)
            function.__doc__, count = said.subn(lambda m: textwrap.indent(entries, m[1]), function.__doc__)
            assert count == 1, function
        return function

    return decorate


def entry(one: Declared) -> str:
    """Return an option's entry in numpydoc form."""
    said = [one.option.help]
    if one.number is not None:
        said.append(f"{one.allowed[0].upper()}{one.allowed[1:]}.")
    if one.option.default_words:
        said.append(f"Default {one.option.default_words}.")
    if one.option.source:
        said.append(f"Source: {one.option.source}.")
    text = textwrap.fill(" ".join(said), _WIDTH, initial_indent="    ", subsequent_indent="    ")
    return f"{one.name} : {one.type_name}, default {one.option.default!r}\n{text}\n"
