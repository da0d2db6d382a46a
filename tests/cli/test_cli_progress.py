"""Progress where there is no terminal, and how long the bar is where there is one."""

from __future__ import annotations

import math

import pytest

from tidewatt.cli.progress import Days, Gap, _Bar, _Lines, reporter
from tidewatt.compilation.record import RECORD
from tidewatt.result import Progress


def report(phase="coordinated", passes=10, gap=0.1, seconds=1.0, note=""):
    bracket = (math.nan, math.nan) if math.isnan(gap) else (1000.0, 1000.0 * (1 - gap))
    return Progress(phase, passes, *bracket, gap, seconds, note)


def test_lines_come_when_the_phase_changes_every_ten_seconds_and_at_the_end(capsys):
    """Without it: a log file gets a line a pass, nothing for an hour, or not where a rung ended."""
    now = [0.0]
    lines = _Lines(Gap(1e-3), "", clock=lambda: now[0])
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
    with _Lines(Gap(1e-3), "", clock=lambda: 0.0) as lines:
        lines(report("session"))
        lines.step("saving")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_lines_say_what_they_know(capsys):
    """Without it: before the first bound, or without passes, progress shows nan."""
    with _Lines(Gap(1e-3), "30 %") as lines:
        lines(report("unmanaged", 0, math.nan, 0.0, "12 vehicles fall short"))
        lines.step("saving")
    assert capsys.readouterr().err == "30 %: unmanaged: 12 vehicles fall short [0 s]\n30 %: saving\n"


def test_nothing_but_lines_without_a_terminal(capsys):
    """Without it: log files fill with control characters."""
    assert isinstance(reporter(Gap(1e-3)), _Lines)


@pytest.mark.parametrize(
    ("gap", "length"), [(1.0, 0.0), (10**-1.5, 0.5), (1e-3, 1.0), (1e-5, 1.0), (0.0, 1.0)]
)
def test_bar_is_as_long_as_the_gap_has_come_on_a_log_scale(gap, length):
    """Without it: the bar stands at 99 % from the first seconds on and says nothing."""
    with _Bar(Gap(1e-3), "") as bar:
        bar(report(gap=1.0))
        bar(report(gap=gap))
        task = bar._progress.tasks[-1]
        assert task.completed / task.total == pytest.approx(length)


def test_bar_pulses_until_there_is_a_gap():
    """Without it: a phase without a bound shows an empty bar or fails on nan."""
    with _Bar(Gap(1e-3), "") as bar:
        bar(report("unmanaged", 0, math.nan))
        assert bar._progress.tasks[-1].total is None
        bar(report("session", 4, 50.0))
        assert bar._progress.tasks[-1].completed == 0.0


def days(k, beta=math.nan, seconds=0.0, note=""):
    return Progress("simulating", k, math.nan, math.nan, beta, seconds, note)


def test_days_say_beta_and_the_time_left_by_the_rule_that_ends_them_first():
    """Without it: one waits for a thousand replications that the tolerance will never need, or not at all."""
    measure = Days(1000, 0.01)
    assert measure.words(days(1, seconds=2.0)) == ("replication 1 of 1,000", "")
    assert measure.words(days(3, 0.5, 4.0))[1] == "beta 50 % (asked 1 %), about 17 min left"
    # Beta falls with the square root: 0.02 after 20 days means 80 days for 0.01.
    assert measure.words(days(20, 0.02, 21.0))[1] == "beta 2 % (asked 1 %), about 60 s left"
    assert measure.share(days(20, 0.02)) == pytest.approx(0.25)
    assert measure.share(days(500, 0.5)) == pytest.approx(0.5)
    measure = Days(1000, 0.01, time_limit_s=30.0)
    measure.words(days(1, seconds=1.0))
    assert measure.words(days(11, 0.5, 21.0), short=True) == (
        "replication 11 of 1,000",
        "beta 50 %, about 9 s left",
    )


def test_days_that_go_on_from_a_checkpoint_know_their_own_pace():
    """Without it: 900 days done before make the rest look a hundred times faster than it is."""
    measure = Days(1000, 0.0)
    measure.words(days(900, 0.1, 0.0))
    assert measure.words(days(910, 0.1, 100.0))[1].endswith("about 15 min left")


def test_days_are_shown_like_rungs(capsys):
    """Without it: progress of `simulate` fails where there is no terminal, or calls days passes."""
    with _Lines(Days(10, 0.01), "") as lines:
        lines(Progress("roads", 0, math.nan, math.nan, math.nan, 1.0, "other traffic"))
        lines(days(1, seconds=2.0))
        lines(days(10, 0.05, 11.0))
    assert capsys.readouterr().err.splitlines() == [
        "roads: other traffic [1 s]",
        "simulating, replication 1 of 10 [2 s]",
        "simulating, replication 10 of 10: beta 5 % (asked 1 %), about 0 s left [11 s]",
    ]
    with _Bar(Days(10, 0.0), "") as bar:
        bar(days(4, 0.1))
        assert bar._progress.tasks[-1].completed == pytest.approx(0.4)


def compiled(kept=True):
    RECORD.begin(kept=kept)
    RECORD.end()


@pytest.fixture
def record(monkeypatch):
    for name in ("kernels", "seconds", "kept"):
        monkeypatch.setattr(RECORD, name, getattr(RECORD, name))


def test_lines_say_once_that_kernels_are_compiled(record, capsys):
    """Without it: the first run stands still for a minute, and nobody knows why."""
    with _Lines(Gap(1e-3), "") as lines:
        lines.step("reading")
        compiled()
        compiled()
    compiled()
    assert capsys.readouterr().err.splitlines() == [
        "reading",
        "compiling kernels (once; kept for later runs)",
    ]


def test_lines_do_not_promise_what_cannot_be_kept(record, capsys):
    """Without it: where no folder can be written, each run says that it was the last to compile."""
    with _Lines(Gap(1e-3), ""):
        compiled(kept=False)
    assert capsys.readouterr().err == "compiling kernels (they cannot be kept)\n"


def test_bar_says_that_kernels_are_compiled_as_long_as_it_lasts(record):
    """Without it: the bar stands still and says nothing, or says so for the rest of the phase."""
    with _Bar(Gap(1e-3), "") as bar:
        compiled()  # before anything is shown
        bar(report(gap=0.5))
        words = bar._progress.tasks[-1].fields["words"]
        RECORD.begin(kept=True)
        assert bar._progress.tasks[-1].fields["words"] == "compiling kernels (once; kept for later runs)"
        RECORD.end()
        assert bar._progress.tasks[-1].fields["words"] == words
