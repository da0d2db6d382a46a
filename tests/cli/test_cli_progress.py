"""Progress where there is no terminal, and how long the bar is where there is one."""

from __future__ import annotations

import math

import pytest

from tidewatt.cli.progress import _Bar, _Lines, reporter
from tidewatt.result import Progress


def report(phase="coordinated", passes=10, gap=0.1, seconds=1.0, note=""):
    bracket = (math.nan, math.nan) if math.isnan(gap) else (1000.0, 1000.0 * (1 - gap))
    return Progress(phase, passes, *bracket, gap, seconds, note)


def test_lines_come_when_the_phase_changes_every_ten_seconds_and_at_the_end(capsys):
    """Without it: a log file gets a line a pass, nothing for an hour, or not where a rung ended."""
    now = [0.0]
    lines = _Lines("", clock=lambda: now[0])
    with lines:
        for k in range(200):
            now[0] = 0.5 * k
            lines(report("session" if k < 100 else "coordinated", k))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 12
    assert [line.split(",")[0].split(":")[0] for line in said] == ["session-flexible"] * 6 + [
        "mobility-aware"
    ] * 6
    assert said[1] == "session-flexible, pass 20: cost 1,000, bound 900, gap 10 % [1 s]"
    assert said[5].startswith("session-flexible, pass 99:")
    assert said[-1].startswith("mobility-aware, pass 199:")


def test_lines_repeat_nothing_at_the_end(capsys):
    """Without it: what was printed when it came is printed again when the rung is left."""
    with _Lines("", clock=lambda: 0.0) as lines:
        lines(report("session"))
        lines.step("saving")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_lines_say_what_they_know(capsys):
    """Without it: before the first bound, or without passes, progress shows nan."""
    with _Lines("30 %") as lines:
        lines(report("unmanaged", 0, math.nan, 0.0, "12 vehicles fall short"))
        lines.step("saving")
    assert capsys.readouterr().err == "30 %: unmanaged: 12 vehicles fall short [0 s]\n30 %: saving\n"


def test_nothing_but_lines_without_a_terminal(capsys):
    """Without it: log files fill with control characters."""
    assert isinstance(reporter(1e-3), _Lines)


@pytest.mark.parametrize(
    ("gap", "length"), [(1.0, 0.0), (10**-1.5, 0.5), (1e-3, 1.0), (1e-5, 1.0), (0.0, 1.0)]
)
def test_bar_is_as_long_as_the_gap_has_come_on_a_log_scale(gap, length):
    """Without it: the bar stands at 99 % from the first seconds on and says nothing."""
    with _Bar(1e-3, "") as bar:
        bar(report(gap=1.0))
        bar(report(gap=gap))
        task = bar._progress.tasks[-1]
        assert task.completed / task.total == pytest.approx(length)


def test_bar_pulses_until_there_is_a_gap():
    """Without it: a phase without a bound shows an empty bar or fails on nan."""
    with _Bar(1e-3, "") as bar:
        bar(report("unmanaged", 0, math.nan))
        assert bar._progress.tasks[-1].total is None
        bar(report("session", 4, 50.0))
        assert bar._progress.tasks[-1].completed == 0.0
