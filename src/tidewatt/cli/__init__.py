"""The command line: commands only; the work is done in the packages below."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import CycloptsError

__all__ = ["main"]

DONE, PROGRAM_ERROR, BAD_INPUT, NOT_REACHED, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The command and its arguments; by default those of this process.

    Returns
    -------
    int
        Exit status: 0 done; 1 an error of the program; 2 bad input or usage; 3 finished without the
        asked accuracy; 130 interrupted.
    """
    tokens = list(sys.argv[1:] if argv is None else argv)
    with _manners():
        try:
            status = _run(tokens)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read us has seen enough; the interpreter must not find that out again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = DONE
    return status


def _run(tokens: list[str]) -> int:
    from cyclopts import CycloptsError

    from tidewatt.cli.app import app
    from tidewatt.cli.compilation import share_of_compiling
    from tidewatt.cli.console import print_issues, say
    from tidewatt.cli.importing import add_importers
    from tidewatt.errors import Interrupted, ScenarioError, TidewattError

    try:
        if tokens[:1] == ["import"]:
            add_importers(*tokens[1:2])
        with share_of_compiling():
            status = app(
                tokens,
                exit_on_error=False,
                print_error=False,
                help_on_error=False,
                result_action="return_value",
            )
        return status if isinstance(status, int) else DONE
    except CycloptsError as error:
        verb = " ".join(error.command_chain or ())
        say(f"tidewatt: {_usage(error)}")
        say(f"Try `{' '.join(['tidewatt', verb]).strip()} --help`.")
        return BAD_INPUT
    except ScenarioError as error:
        n = len(error.issues)
        print_issues(error.issues, f"tidewatt: {n} problem{'s' if n != 1 else ''} found")
        return BAD_INPUT
    except (KeyboardInterrupt, Interrupted) as error:
        say(f"tidewatt: interrupted. {error}".rstrip())
        return INTERRUPTED
    except TidewattError as error:
        say(f"tidewatt: {error}")
        return BAD_INPUT
    except BrokenPipeError:
        raise
    except SystemExit:  # so rich ends where whoever read us has seen enough
        return DONE
    except Exception as error:
        if os.environ.get("TIDEWATT_TRACEBACK"):
            raise
        return _explain(error)


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with the arguments of the command."""
    from cyclopts import MissingArgumentError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

    from tidewatt.options.spelling import did_you_mean

    if isinstance(error, UnknownOptionError):
        given = error.token.keyword or error.token.value
        names = (name for argument in error.argument_collection for name in argument.names)
        known = [name for name in names if name.startswith("--")]
        return f"unknown option {given!r}. Correct or remove it: {did_you_mean(given, known)}"
    if isinstance(error, UnknownCommandError) and error.app is not None and error.unused_tokens:
        given, commands = error.unused_tokens[0], [name for name in error.app if not name.startswith("-")]
        return f"unknown command {given!r}. Correct it: {did_you_mean(given, commands)}"
    if isinstance(error, MissingArgumentError) and error.argument is not None and not error.tokens_so_far:
        missing = error.argument
        name = missing.name if missing.name.startswith("--") else missing.name.upper()
        return f"{name} is missing. {missing.parameter.help or ''}".rstrip() + _misspelt(error, name)
    if isinstance(error, UnusedCliTokensError):
        return f"unexpected {' '.join(map(repr, error.unused_tokens or ()))}. Remove it or check the usage."
    return str(error)


def _misspelt(error: CycloptsError, missing: str) -> str:
    """Return which of the words may have been meant as a flag that is missing."""
    from tidewatt.options.spelling import nearest

    if error.app is None or not missing.startswith("--"):
        return ""
    known = {name for argument in error.app.assemble_argument_collection() for name in argument.names}
    strange = [word for word in error.root_input_tokens or () if word.startswith("--") and word not in known]
    found = nearest(missing, strange)
    return f" {found!r} is unknown: did you mean {missing!r}?" if found else ""


def _explain(error: Exception) -> int:
    """Return a one-line message for an unexpected error."""
    from tidewatt.cli.console import say

    if isinstance(error, OSError) and error.filename is not None and error.errno is not None:
        say(f"tidewatt: {error.filename}: {os.strerror(error.errno)}. Check the name and its permissions.")
        return BAD_INPUT
    if isinstance(error, MemoryError):
        say("tidewatt: out of memory. Use fewer vehicles or longer steps, or a machine with more memory.")
        return PROGRAM_ERROR
    what = " ".join(f"{type(error).__name__}: {error}".split())
    print(
        f"tidewatt: internal error ({what[:300]}). This is a bug in tidewatt, not in your input. Set "
        "TIDEWATT_TRACEBACK=1, run the command again and report the output.",
        file=sys.stderr,
    )
    return PROGRAM_ERROR


@contextmanager
def _manners() -> Iterator[None]:
    """Let no odd character stop output, print warnings on one line, and treat SIGTERM as an interruption."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    main_thread = threading.current_thread() is threading.main_thread()
    former: Any = signal.signal(signal.SIGTERM, _interrupt) if main_thread else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _show_own_warnings()
            yield
    finally:
        if main_thread:
            signal.signal(signal.SIGTERM, former)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show_own_warnings() -> None:
    from tidewatt.errors import ScenarioWarning, SolveWarning

    def show(message: Warning | str, *where: object, **more: object) -> None:
        from tidewatt.cli.console import say

        say(f"note: {message}")

    warnings.simplefilter("ignore", SolveWarning)  # the summary says it
    warnings.simplefilter("always", ScenarioWarning)
    warnings.showwarning = show
