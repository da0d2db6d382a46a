"""The names that `import tidewatt` offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tidewatt


def test_every_name_is_there_and_documented():
    """Without it: a name in the documentation fails on first use, as names are imported lazily."""
    for name in tidewatt.__all__:
        assert getattr(tidewatt, name) is not None
        assert name == "__version__" or getattr(tidewatt, name).__doc__, name
    assert set(tidewatt.__all__) <= set(dir(tidewatt))


def test_there_are_at_most_25():
    """Without it: the public contract grows until nobody can learn it."""
    assert len(tidewatt.__all__) == len(set(tidewatt.__all__)) <= 25


def test_unknown_names_are_refused_as_usual():
    """Without it: hasattr and tab completion break on a lazy module."""
    assert not hasattr(tidewatt, "optimise")
    with pytest.raises(AttributeError, match="optimise"):
        _ = tidewatt.optimise


def test_import_and_help_load_nothing_heavy():
    """Without it: every call of the program, even for help, waits seconds for libraries it does not use."""
    code = (
        "import sys, tidewatt; assert 'numpy' not in sys.modules, 'import tidewatt loads numpy'\n"
        "import contextlib, io\n"
        "from tidewatt.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'pandas', 'xarray', 'matplotlib', 'numba', 'scipy', 'pyarrow', 'pydantic'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_noun_of_the_domain_is_there_and_documented():
    """Without it: `from tidewatt.domain import Fleet` fails for one of its names, as they are lazy too."""
    from tidewatt import domain

    for name in domain.__all__:
        assert getattr(domain, name).__doc__, name
    assert set(domain.__all__) <= set(dir(domain))
    with pytest.raises(AttributeError, match="Pile"):
        _ = domain.Pile
