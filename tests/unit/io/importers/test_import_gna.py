from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from made_filings import FACILITIES, FIXED, GNA, flat, real, workbook

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.grid import NO_BANK
from tidewatt.errors import ScenarioError
from tidewatt.io.importers import import_gna
from tidewatt.io.importers.filings.gna_filing import map_banks, read_filing
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario

SEVEN = ["San Francisco", "East Bay", "Mission", "Diablo", "North Bay", "De Anza", "Sonoma"]


def imported(path, **options):
    return import_gna(path, **{"divisions": None, "year": 2027, "adoption": 0.3, "vehicles": 60} | options)


def bank_of(scenario, feeder):
    grid = scenario.grid
    k = grid.bank[list(grid.feeder_id).index(feeder)]
    return None if k == NO_BANK else grid.bank_id[k]


@pytest.mark.parametrize("form", ["filing.csv", "filing.csv.gz", "filing.xlsx"])
def test_all_layouts_give_the_same_grid(tmp_path, form):
    """Without it, year blocks of merged headers or float ids of the workbook could shift unseen."""
    path = tmp_path / form
    (workbook if form.endswith("xlsx") else flat)(path)
    scenario, report = imported(path)
    grid = scenario.grid
    assert list(grid.feeder_id) == [
        "123451101",
        "123460401",
        "123451102",
        "123451103",
        "123472101",
        "123481101",
        "123491101",
    ]
    assert grid.rating_kw[0] == pytest.approx(10_000)
    assert grid.base_load_kw.max(axis=1)[[0, 4]] == pytest.approx([8_000, 22_000])
    assert imported(path, year=2026)[0].grid.base_load_kw.max(axis=1)[4] == pytest.approx(12_000)
    assert report.counts["feeders_in_divisions"] == 9
    assert report.counts["banks_in_divisions"] == 5
    assert check(scenario) == []


def test_feeders_find_their_bank(tmp_path):
    """Without it, banks nested under the feeders that supply them would carry the wrong feeders."""
    scenario, report = imported(flat(tmp_path / "f.csv"))
    assert bank_of(scenario, "123451101") == "1234501"
    assert bank_of(scenario, "123460401") == "1234601"
    assert bank_of(scenario, "123451102") == "1234501"  # below BIRCH's bank, but of ALDER
    assert bank_of(scenario, "123451103") == "1234502"
    assert bank_of(scenario, "123481101") == "1234899"  # the only group of its substation
    assert bank_of(scenario, "123472101") is None  # its bank is withheld
    assert bank_of(scenario, "123491101") is None  # no bank in its substation
    assert report.dropped["the bank limit of feeders whose bank is not known"] == ("123491101",)
    assert report.dropped["the bank limit of feeders whose bank is left out"] == ("123472101",)


def test_the_report_is_in_plain_words(tmp_path):
    """Without it, costs of 1 a kW are taken for money, and the account is padded with noughts."""
    _, report = imported(flat(tmp_path / "f.csv"))
    said = report.lines()
    assert "  assumed: the upgrade cost is 1 per kW, so costs read as kW" in said
    assert report.counts["feeders_found_in_ica"] == 0
    assert not any(line.endswith(": 0") for line in said)
    assert any(
        line.startswith("  share of banks whose loading fits that of their feeders: ") for line in said
    )
    _, priced = imported(flat(tmp_path / "f.csv"), upgrade_cost_per_kw=500.0)
    assert not any("upgrade cost" in line for line in priced.lines())


def test_a_sorted_file_is_noticed(tmp_path):
    """Without it, a table sorted by name or id would put every feeder on the last bank listed."""
    banks = [(f"A{k}", 1234500 + k, 20.0, 16.0) for k in (1, 2, 3, 4)]
    listed, again = [], []
    for k, (name, number, rating, loading) in enumerate(banks):
        listed.append(("North", name, number, "Bank", rating, loading, loading))
        feeders = [("North", f"F{k}{j}", 123451101 + 2 * k + j, "Feeder", 10.0, 8.0, 8.0) for j in (0, 1)]
        listed += feeders
    again = sorted(listed, key=lambda row: row[3])
    good = map_banks(read_filing(flat(tmp_path / "a.csv", listed)), 2027)
    assert good.ordered and (good.bank >= 0).sum() == 8
    lost = map_banks(read_filing(flat(tmp_path / "b.csv", again)), 2027)
    assert not lost.ordered and (lost.bank >= 0).sum() == 0


def test_headroom_is_rating_less_base(tmp_path):
    """Without it, a shape scaled to the wrong peak would invent or hide capacity."""
    scenario, _ = imported(flat(tmp_path / "f.csv"))
    grid = scenario.grid
    assert np.allclose(grid.headroom_kw, grid.rating_kw[:, None] - grid.base_load_kw)
    # A bank's peak is the filing's, not the sum of its feeders (8 + 7.2 of 15 MW).
    alder = list(grid.bank_id).index("1234501")
    base = grid.bank_rating_kw[alder] - grid.bank_headroom_kw[alder]
    assert base.max() == pytest.approx(15_000)
    monday, saturday = base[:96], base[5 * 96 : 6 * 96]
    assert monday.max() > saturday.max()


def test_missing_figures_are_dropped_or_filled(tmp_path):
    """Without it, withheld feeders could vanish without a word, or be filled in unasked."""
    path = flat(tmp_path / "f.csv")
    _, dropped = imported(path)
    assert dropped.dropped["feeders withheld (CC)"] == ("123451104",)
    assert dropped.dropped["feeders without figures"] == ("123472102",)
    assert dropped.dropped["banks withheld (CC)"] == ("1234701",)
    scenario, filled = imported(path, missing="impute")
    assert set(filled.imputed["rating or loading of feeders"]) == {"123451104", "123472102"}
    assert filled.imputed["rating or loading of banks"] == ("1234701",)
    grid = scenario.grid
    row = list(grid.feeder_id).index("123451104")
    # Fewer than five filed feeders of class 11 in the division: the class over the whole file.
    assert grid.rating_kw[row] == pytest.approx(np.median([10, 10, 12, 10, 10]) * 1e3)
    ratio = np.median([0.8, 0.72, 0.5, 0.5, 0.5])
    assert grid.base_load_kw[row].max() == pytest.approx(grid.rating_kw[row] * ratio)
    assert bank_of(scenario, "123472101") == "1234701"
    json.dumps(filled.as_dict(), allow_nan=False)
    assert any("123451104" in line for line in filled.lines())


def test_vehicles_are_a_sample_of_the_real_ones(tmp_path):
    """Without it, the number simulated would change how much charging the feeders see."""
    path = flat(tmp_path / "f.csv")
    few, report = imported(path, vehicles=40)
    many, _ = imported(path, vehicles=80)
    loading_kw = 1e3 * (8 + 1.1 + 7.2 + 6 + 22 + 5 + 5)
    expected = loading_kw / 4.0 * 0.86 * 1.8 * 0.3
    assert few.fleet.weight.sum() == pytest.approx(expected)
    assert many.fleet.weight.sum() == pytest.approx(expected)
    assert few.sampling["vehicles_total"] == pytest.approx(expected / 0.3)
    assert report.counts["real_electric_vehicles"] == round(expected)
    given, _ = imported(path, represent=500.0)
    assert given.fleet.weight.sum() == pytest.approx(500)
    one_each, _ = imported(path, vehicles=None, represent=33.0)
    assert len(one_each.fleet) == 33 and one_each.fleet.weight[0] == pytest.approx(1)


def test_same_seed_same_scenario(tmp_path):
    """Without it, an import could not be repeated."""
    path = flat(tmp_path / "f.csv")
    assert imported(path, seed=4)[0].sha256() == imported(path, seed=4)[0].sha256()
    assert imported(path, seed=4)[0].sha256() != imported(path, seed=5)[0].sha256()


def test_divisions_whatever_their_case(tmp_path):
    """Without it, a division typed as on a map would be refused."""
    scenario, report = imported(flat(tmp_path / "f.csv"), divisions=["south bay "])
    assert list(scenario.grid.feeder_id) == ["123472101", "123481101", "123491101"]
    assert scenario.sampling["divisions"] == ["South Bay"]
    assert report.counts["feeders_in_divisions"] == 4


def test_ddor_costs_fall_with_size(tmp_path):
    """Without it, large banks would be priced like small feeders."""
    scenario, _ = imported(flat(tmp_path / "f.csv"), upgrade_cost_per_kw="ddor")
    cost = scenario.grid.cost.cost_per_kw
    rating = scenario.grid.rating_kw
    assert cost[rating.argmin()] > cost[rating.argmax()]
    assert cost.min() >= 470 and cost.max() <= 3700


def test_everything_wrong_is_told_at_once(tmp_path):
    """Without it, a user would mend one option a run."""
    with pytest.raises(ScenarioError) as caught:
        imported(
            flat(tmp_path / "f.csv"),
            divisions=["Nort"],
            year=2031,
            adoption=1.5,
            vehicles=0,
            represent=-1.0,
            missing="ignore",
            seed=-1,
            ica_month=13,
            step_min=11.0,
            kw_per_customer=0.0,
            residential_share=2.0,
            residential_load_share=-1.0,
            upgrade_cost_per_kw="free",
            ica=[tmp_path / "none.parquet"],
        )
    text = str(caught.value)
    assert len(caught.value.issues) == 14
    assert "North" in text and "2026, 2027" in text and "none.parquet" in text


BAD = {
    "absent": (None, "no such file"),
    "empty": (b"", "columns"),
    "not gzip inside": (b"\x1f\x8b\x08\x00broken", "gzip stream is broken"),
    "truncated gzip": (gzip.compress(b"x" * 100_000)[:60], "gzip stream is broken"),
    "utf-16": ("Division,Facility".encode("utf-16"), "not UTF-8"),
    "other table": (b"a,b\n1,2\n", "missing: facility id, name, kind, division"),
}


@pytest.mark.parametrize("case", BAD)
def test_unreadable_files_are_told_in_words(tmp_path, case):
    """Without it, a broken download would end in a traceback."""
    content, words = BAD[case]
    path = tmp_path / "filing.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=words):
        imported(path)


def test_a_folder_in_place_of_the_filing(tmp_path):
    """Without it, an existing folder is said not to be there."""
    flat(tmp_path / "f.csv")
    with pytest.raises(ScenarioError, match=r"it is a folder, not a file. Name the file in it: f\.csv"):
        imported(tmp_path)


def test_a_broken_workbook_is_told_in_words(tmp_path):
    """Without it, calamine's own errors would reach the user."""
    path = tmp_path / "filing.xlsx"
    path.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(ScenarioError, match="not a readable workbook"):
        imported(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: [*f, f[1]], "given more than once"),
        (lambda f: [*f, ("North", "X", 99, "Substation", 1.0, 1.0, 1.0)], "unknown: Substation"),
        (lambda f: [*f, ("North", "X", "", "Bank", 1.0, 1.0, 1.0)], "Facility ID.*empty"),
        (lambda f: [], "has no rows"),
        (lambda f: [r for r in f if r[4] == "CC" or r[3] != "Feeder"], "no feeder there has a rating"),
    ],
)
def test_bad_rows_are_told(tmp_path, change, words):
    """Without it, a doubled feeder would count twice, an unknown type be skipped in silence."""
    with pytest.raises(ScenarioError, match=words):
        imported(flat(tmp_path / "f.csv", change(FACILITIES)))


def test_a_table_without_years_is_told(tmp_path):
    """Without it, figures of an unknown year would be taken for the one asked for."""
    path = flat(tmp_path / "f.csv", header=[*FIXED, *"abcdef"])
    with pytest.raises(ScenarioError, match="no year has both"):
        imported(path)


def test_negative_and_text_figures_count_as_missing(tmp_path):
    """Without it, a negative rating would make an endless overload."""
    odd = ("North", "ALDER 1105", 123451105, "Feeder", -5.0, 2.0, 2.0)
    sunny = ("North", "ALDER 1107", 123451107, "Feeder", 5.0, -0.1, -0.1)
    text = ("North", "ALDER 1106", 123451106, "Feeder", "n/a", "n/a", "n/a")
    scenario, report = imported(flat(tmp_path / "f.csv", [*FACILITIES, odd, text, sunny]))
    assert set(report.dropped["feeders without figures"]) == {"123472102", "123451105", "123451106"}
    assert scenario.grid.base_load_kw[-1].max() == 0.0  # generates even at its peak


def test_the_real_filing():
    """Without it, the reading of the real table could drift from what it holds."""
    filing = read_filing(real(GNA))
    kinds = {kind: int((filing.kind == kind).sum()) for kind in ("feeder", "bank", "group")}
    assert kinds == {"feeder": 2259, "bank": 947, "group": 0}
    assert filing.years == (2023, 2024, 2025, 2026, 2027)
    banks = map_banks(filing, 2027)
    assert banks.ordered and banks.agreement > 0.95
    assert (banks.bank >= 0).sum() == 2158
    scenario, report = imported(GNA, divisions=SEVEN, vehicles=300)
    assert report.counts["feeders_in_divisions"] == 945
    assert report.counts["banks_in_divisions"] == 343
    assert report.counts["feeders"] == 594
    assert report.counts["banks"] == 267
    over = (scenario.grid.headroom_kw.min(axis=1) < -1e-6).sum()
    assert over == 56  # as many as the filing's loadings above ratings
    per_feeder = scenario.fleet.weight.sum() / scenario.grid.feeders
    assert 500 < per_feeder < 2000  # about 1.5 million EVs over 1,300 feeders at 30 %
    assert check(scenario) == []


def test_what_is_imported_reads_back_the_same(tmp_path):
    """Without it, ids, banks or infinite limits could change on the way through files."""
    scenario, _ = imported(flat(tmp_path / "f.csv"), missing="impute", upgrade_cost_per_kw="ddor")
    write_scenario(scenario, tmp_path / "out")
    again = read_scenario(tmp_path / "out")
    assert again.sha256() == scenario.sha256()
    assert again.sampling["vehicles_total"] == pytest.approx(scenario.sampling["vehicles_total"])
