"""Models and importers of other installed packages, found by their entry points.

A package names in its pyproject.toml what it brings: under ``tidewatt.choices`` models of the decision to
charge, of the choice of station, or of speed and flow; under ``tidewatt.importers`` readers of files. Listing
reads names alone: no other package is imported before someone asks for it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewatt.errors import TidewattError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["CHOICES", "IMPORTERS", "METHODS", "Plugin", "model", "plugins"]

CHOICES = "tidewatt.choices"
IMPORTERS = "tidewatt.importers"
METHODS = {"decision": "wants", "choice": "costs", "speed_flow": "time_min"}
"""The method by which a model is recognised, for each option of `simulate` that takes its name."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One name that an installed package provides.

    Attributes
    ----------
    name : str
        What users ask for.
    package : str
        Name and version of the package, for messages.
    entry : EntryPoint
        Where it is found.
    """

    name: str
    package: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import the plugin.

        Raises
        ------
        TidewattError
            The package cannot be imported, or does not hold what it names.
        """
        try:
            return self.entry.load()
        except Exception as error:  # whatever another package's module raises
            raise self.failure("cannot be loaded", error) from error

    def failure(self, what: str, error: Exception) -> TidewattError:
        """Return an error that names the plugin and what its package raised."""
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return TidewattError(
            f"the plugin {self.name!r} ({self.entry.value}) of the package {self.package} {what}: {reason}. "
            "Update or uninstall that package, or tell its authors"
        )


def plugins(group: str, built_in: Container[str]) -> dict[str, Plugin]:
    """Return the plugins of a group by name, without importing them.

    Parameters
    ----------
    group : str
        `CHOICES` or `IMPORTERS`.
    built_in : container of str
        Names that tidewatt itself uses there.

    Raises
    ------
    TidewattError
        A plugin has the name of something built in, or of another package's plugin.
    """
    from importlib.metadata import entry_points

    found: dict[str, Plugin] = {}
    for entry in sorted(entry_points(group=group)):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        owner = "tidewatt itself" if entry.name in built_in else ""
        if entry.name in found and found[entry.name].entry.value != entry.value:
            owner = f"the package {found[entry.name].package}"
        if owner:
            raise TidewattError(
                f"the package {package} brings a plugin named {entry.name!r} in {group}, a name that {owner} "
                "uses. Uninstall one of them, or ask the authors to rename the plugin"
            )
        found[entry.name] = Plugin(entry.name, package, entry)
    return found


def model(option: str, name: str) -> Any:
    """Make the model that a plugin provides for an option of `simulate`.

    Parameters
    ----------
    option : str
        Key of `METHODS`.
    name : str
        Name of an installed plugin.

    Returns
    -------
    object
        What the entry point's class or function returns when called without arguments.

    Raises
    ------
    TidewattError
        The plugin cannot be loaded or made, or is a model for another option.
    """
    plugin = plugins(CHOICES, ())[name]
    make = plugin.load()
    try:
        made = make()
    except Exception as error:  # whatever another package's code raises
        raise plugin.failure("cannot be created without arguments", error) from error
    if not callable(getattr(made, METHODS[option], None)):
        fits = [other for other, method in METHODS.items() if callable(getattr(made, method, None))]
        instead = f"ask for it with {fits[0]}" if fits else f"it needs a method {METHODS[option]}(...)"
        raise TidewattError(
            f"the plugin {name!r} of the package {plugin.package} is no model for {option}; {instead}"
        )
    return made
