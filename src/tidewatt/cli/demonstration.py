"""The command `demo`: the whole chain on embedded scenarios, one chapter per study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tidewatt.cli.console import print_files, print_json, say, wrapped
from tidewatt.cli.flags import Json, takes_options
from tidewatt.cli.folders import holds_demo, prepared
from tidewatt.cli.progress import reporter
from tidewatt.cli.run import draw
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.options.coordination import COORDINATION, CoordinationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.options.tariffs import TariffOptions

if TYPE_CHECKING:
    from tidewatt.configuration.result import Configuration
    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.result import Simulation
    from tidewatt.tariffs.result import Tariffs
    from tidewatt.verification import VerificationReport

__all__ = ["demo"]


class _Chapter(NamedTuple):
    """What a chapter leaves: result, verification report, folder, and the pictures to open first."""

    result: Coordination | Simulation | Configuration | Tariffs
    found: VerificationReport
    home: Path
    pictures: list[Path]
    first: tuple[str, ...]
    show: Callable[[], None]


@takes_options(COORDINATION, only=("relative_gap", "threads", "seed"))
def demo(
    *,
    out: Path = Path("results/demo"),
    options: CoordinationOptions | None = None,
    json: Json = False,
) -> int:
    """Run every study on an embedded scenario: coordinate, simulate, configure, tariff; verify and draw.

    First a region made up from published statistics is coordinated: about 20,000 electric vehicles on 60
    feeders with banks over one week in steps of 15 minutes. Then days of a made-up city with roads and
    charging stations are simulated, and chargers are moved to where its drivers need them. Last, prices are
    found that keep a small grid within its limits although wind, sun and load are uncertain.

    Parameters
    ----------
    out
        Folder; a folder a chapter in it: coordinate, simulate, configure, tariff.
    """
    options = options or {}
    COORDINATION.check(**options)
    ended: dict[str, _Chapter] = {}
    with prepared(out, ours=holds_demo, what="demo"):
        for number, (name, tell) in enumerate(_CHAPTERS.items(), 1):
            if not json:
                print(f"{'' if number == 1 else chr(10)}{number}. {name}", flush=True)
            ended[name] = tell(out / name, options)
            if not json:
                _show(ended[name])
    if json:
        print_json({name: _figures(chapter) for name, chapter in ended.items()})
    else:
        opened = [
            chapter.home / "result" / "figures" / f for chapter in ended.values() for f in chapter.first
        ]
        print("\nOpen these first:", *opened, sep="\n  ")
    if not all(chapter.found.ok for chapter in ended.values()):
        return 1
    return 0 if all(chapter.result.status.reached for chapter in ended.values()) else 3


def _coordinate(home: Path, options: CoordinationOptions) -> _Chapter:
    """Return the most that flexible charging can save in feeder upgrades in a region."""
    from tidewatt.cli.coordination import show, solve

    scenario = _made("demo", "generating a region", home / "scenario", options.get("seed", 0))
    result = solve(scenario, home / "result", options, scenario_folder=home / "scenario")
    gap = COORDINATION.resolve(scenario.parameters, **options)["relative_gap"]
    return _chapter(
        result,
        home,
        ("upgrade_need.png", "feeder_week.png"),
        lambda: show(result, gap),
    )


def _simulate(home: Path, options: CoordinationOptions) -> _Chapter:
    """Simulate days of driving, queueing and charging in a city."""
    from tidewatt.cli.simulation import run_simulation, show_simulation

    threads, seed = options.get("threads", 0), options.get("seed", 0)
    given: SimulationOptions = {"replications": _REPLICATIONS, "threads": threads, "seed": seed}
    scenario = _made("city", "generating a city", home / "scenario", seed)
    parameters = SIMULATION.resolve(scenario.parameters, **given)
    result = run_simulation(scenario, home / "result", given, parameters, scenario_folder=home / "scenario")
    return _chapter(
        result,
        home,
        ("load_and_queue.png", "station_map.png"),
        lambda: show_simulation(result, parameters),
    )


def _configure(home: Path, options: CoordinationOptions) -> _Chapter:
    """Place chargers where that city's drivers need them."""
    from tidewatt.cli.configuration import run_configuration, show_configuration

    threads, seed = options.get("threads", 0), options.get("seed", 0)
    given: ConfigurationOptions = {**_SEARCH, "threads": threads, "seed": seed}
    scenario = _made("city", "making up a city", home / "scenario", seed)
    result = run_configuration(
        scenario, home / "result", given, {}, coordinated=True, scenario_folder=home / "scenario"
    )
    return _chapter(
        result,
        home,
        ("queue_before_after.png", "changes.png"),
        lambda: show_configuration(result),
    )


def _tariff(home: Path, options: CoordinationOptions) -> _Chapter:
    """Find prices that keep a small grid within its limits."""
    from tidewatt.cli.tariffs import print_tariffs, run_tariff

    given: TariffOptions = {"threads": options.get("threads", 0), "seed": options.get("seed", 0)}
    scenario = _made("tariff-20-17", "generating roads and buses", home / "scenario", given["seed"])
    result = run_tariff(scenario, home / "result", given, _GAMMAS, scenario_folder=home / "scenario")
    return _chapter(
        result,
        home,
        ("tariff_map.png", "line_outcomes.png"),
        lambda: print_tariffs(result),
    )


_GAMMAS = [0.0, 0.5, 1.0]
_REPLICATIONS = 10
_SEARCH: ConfigurationOptions = {"evaluations": 1500, "days_train": 2, "days_test": 4}
_CHAPTERS: dict[str, Callable[[Path, CoordinationOptions], _Chapter]] = {
    "coordinate": _coordinate,
    "simulate": _simulate,
    "configure": _configure,
    "tariff": _tariff,
}


def _made(name: str, words: str, folder: Path, seed: int) -> Scenario:
    """Write an embedded scenario to a folder and return it."""
    from tidewatt.cli.scenarios import described
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.examples import example

    with reporter() as shown:
        shown.step(words)
        scenario = example(name, seed=seed)
        shown.step("writing the scenario")
        write_scenario(scenario, folder)
    say(f"Wrote {described(scenario)}.")
    return scenario


def _chapter(result: Any, home: Path, first: tuple[str, ...], show: Callable[[], None]) -> _Chapter:
    """Verify a result and draw it."""
    return _Chapter(result, _verified(home), home, draw(result, home / "result"), first, show)


def _verified(home: Path) -> VerificationReport:
    from tidewatt.verification import verify

    with reporter() as shown:
        shown.step("verifying from the files alone")
        return verify(home / "result", scenario_folder=home / "scenario")


def _show(chapter: _Chapter) -> None:
    chapter.show()
    good = wrapped(
        "Verified from the files alone: all checks passed (tidewatt verify lists them, "
        "and what they leave out)."
    )
    print(good if chapter.found.ok else f"NOT verified:\n{chapter.found.text()}")
    home = chapter.home
    print_files({"Scenario": home / "scenario", "Result": home / "result", "Pictures": chapter.pictures})


def _figures(chapter: _Chapter) -> dict[str, Any]:
    more = {"verified": chapter.found.ok, "result": chapter.home / "result", "figures": chapter.pictures}
    return chapter.result.summary() | more
