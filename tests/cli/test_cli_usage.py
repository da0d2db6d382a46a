"""Help, usage errors, exit statuses: what holds for every verb."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

VERBS = {
    "demo": ["--out", "--relative-gap", "--threads", "--seed", "--json"],
    "example": ["NAME", "FOLDER", "--seed", "--overwrite", "--json"],
    "check": ["SCENARIO", "--json"],
    "import pge-gna": ["FILE", "--out", "--year", "--adoption", "--divisions", "--missing", "--seed"],
    "import pge-ica": ["FILES", "--out", "--adoption", "--capacity", "--vehicles", "--missing", "--seed"],
    "import itineraries": ["FILE", "--grid", "--out", "--mode", "--adoption", "--invalid", "--seed"],
    "coordinate": [
        "SCENARIO",
        "--out",
        "--resume",
        "--solver",
        "--relative-gap",
        "--absolute-gap",
        "--time-limit-s",
        "--max-passes",
        "--threads",
        "--seed",
        "--no-session",
        "--soc",
        "--no-figures",
        "--adoption",
    ],
    "simulate": [
        "SCENARIO",
        "--out",
        "--vehicles",
        "--days",
        "--replications",
        "--tolerance",
        "--statistic",
        "--time-limit-s",
        "--step-min",
        "--renew-min",
        "--choice",
        "--information",
        "--speed-flow",
        "--no-feedback",
        "--background",
        "--temperature-c",
        "--router",
        "--diary",
        "--taper-soc",
        "--seed",
        "--threads",
        "--resume",
        "--no-figures",
        "--json",
    ],
    "verify": ["RESULT", "--scenario", "--json"],
    "report": ["RESULT", "--out", "--feeder", "--svg", "--json"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_every_option_with_a_sentence_and_its_default(tidewatt, verb):
    """Without it: an option is there that nobody can find, or whose unit and default nobody knows."""
    ended = tidewatt(*verb.split(), "--help", columns=100)
    assert (ended.status, ended.err) == (0, "")
    for option in VERBS[verb]:
        assert option in ended.out, option
    plain = re.sub(r"[│╭╮╰╯─]", " ", ended.out)
    entries = re.split(r"\n\s+\*?\s*(?=(?:--[a-z]|[A-Z]{4,} ))", plain.split("Exit status")[0])[1:]
    for entry in entries:
        said = " ".join(entry.split())
        assert len(said.split()) > 3, f"no help: {said}"
        switch = any(f"--{name} " in said for name in ("json", "overwrite", "resume", "soc", "svg"))
        assert switch or "default" in said or "required" in said, f"no default: {said}"


def test_bare_call_shows_the_verbs(tidewatt):
    """Without it: a first call ends in an error instead of a way on."""
    ended = tidewatt()
    assert ended.status == 0
    for verb in {verb.split()[0] for verb in VERBS}:
        assert f" {verb} " in ended.out


def test_help_lists_the_examples_there_are(tidewatt):
    """Without it: the help names an example that is gone, or hides a new one."""
    from tidewatt.synthesis.examples import EXAMPLES

    shown = tidewatt("example", "--help", columns=100).out
    assert all(f"{name} (" in shown for name in EXAMPLES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["coordinat"], "did you mean 'coordinate'?"),
        (["coordinate"], "SCENARIO is missing"),
        (["coordinate", "x"], "--out is missing"),
        (["coordinate", "x", "--out", "y", "--relativ-gap", "1"], "did you mean '--relative-gap'?"),
        (["coordinate", "x", "--out", "y", "--relative-gap", "small"], "found 'small'"),
        (["coordinate", "x", "--out", "y", "--relative-gap", "7"], "coordination.relative_gap"),
        (["coordinate", "x", "--out", "y", "--threads", "-1"], "coordination.threads"),
        (["coordinate", "x", "--out", "y", "--solver", "simplex"], "Give newton or admm"),
        (["coordinate", "x", "z", "--out", "y"], "unexpected 'z'"),
        (["coordinate", "x", "--out", "y", "--adoption", "0.9:0.1:0.1"], "FROM:TO:STEP"),
        (["coordinate", "x", "--out", "y", "--adoption", "10,20"], "outside 0 to 1"),
        (["import", "pge-gnu"], "did you mean 'pge-gna'?"),
        (
            [
                "import",
                "pge-gna",
                "f",
                "--out",
                "y",
                "--year",
                "2027",
                "--adoption",
                "0.3",
                "--upgrade-cost-per-kw",
                "dear",
            ],
            "'dear' given",
        ),
        (["example", "hamlet", "y"], "village"),
        (["check", "absent"], "absent"),
        (["verify", "absent"], "absent"),
        (["report", "absent", "--out", "y"], "absent is not a folder"),
        (["coordinate", "absent", "--out", "y"], "absent"),
    ],
)
def test_usage_errors_end_with_2_and_say_what_to_do(tidewatt, tmp_path, monkeypatch, words, said):
    """Without it: a slip of the fingers ends in a traceback, in silence, or in a folder left behind."""
    monkeypatch.chdir(tmp_path)
    ended = tidewatt(*words)
    assert ended.status == 2
    assert said in ended.err + ended.out
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_folder_of_others_is_not_overwritten(tidewatt, village, tmp_path):
    """Without it: a mistyped --out mixes results into somebody's documents, or replaces them."""
    (tmp_path / "thesis.txt").write_text("three years of work")
    for words in (
        ["coordinate", village, "--out", tmp_path],
        ["demo", "--out", tmp_path],
        ["example", "village", tmp_path],
        ["example", "village", tmp_path, "--overwrite"],
    ):
        ended = tidewatt(*words)
        assert ended.status == 2
        assert "thesis.txt" in ended.err
        assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("out", ["{file}", "{file}/below", "/proc/tidewatt"])
def test_folder_that_cannot_be_written_is_found_first(tidewatt, tmp_path, out):
    """Without it: an hour of solving is lost because the result has nowhere to go."""
    (tmp_path / "file").write_text("")
    ended = tidewatt("coordinate", "absent", "--out", out.format(file=tmp_path / "file"))
    assert ended.status == 2
    assert "--out" in ended.err
    assert "absent" not in ended.err


def test_example_keeps_a_changed_scenario_unless_told(tidewatt, tmp_path):
    """Without it: running example twice silently throws away the changes made in between."""
    folder = tmp_path / "v"
    assert tidewatt("example", "village", folder).status == 0
    before = (folder / "scenario.toml").read_text()
    (folder / "scenario.toml").write_text(before.replace('"village"', '"mine"'))
    assert tidewatt("example", "village", folder).status == 2
    assert '"mine"' in (folder / "scenario.toml").read_text()
    assert tidewatt("example", "village", folder, "--overwrite").status == 0
    assert (folder / "scenario.toml").read_text() == before


def test_unforeseen_errors_are_one_line_and_status_1(tidewatt, village, monkeypatch):
    """Without it: a fault of the program looks like a fault of the input, or fills the screen."""
    import tidewatt.io.scenario.reading as module

    def fault(*words, **more):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(module, "read_scenario", fault)
    monkeypatch.delenv("TIDEWATT_TRACEBACK", raising=False)
    ended = tidewatt("check", village)
    assert ended.status == 1
    assert "internal error (ZeroDivisionError: a fault)" in ended.err
    assert "TIDEWATT_TRACEBACK=1" in ended.err
    assert len(ended.err.splitlines()) == 1
    monkeypatch.setenv("TIDEWATT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        tidewatt("check", village)


def test_closed_pipe_is_quiet(process):
    """Without it: `tidewatt ... | head -1` ends with a traceback on the terminal."""
    running = process("coordinate", "--help")
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait(60) == 0


def test_python_m_runs_the_program():
    """Without it: where the script is not on the path, `python -m tidewatt` says there is no such module."""
    words = [sys.executable, "-m", "tidewatt", "check", "nowhere"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "no such folder" in ended.stderr


def test_help_survives_a_terminal_that_knows_only_ascii(process):
    """Without it: the program cannot even show its help under LANG=C or on an old Windows console."""
    out, err = process("--help", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}).communicate(timeout=60)
    assert "coordinate" in out
    assert err == ""
