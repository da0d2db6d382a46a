"""Small filings and diaries written for tests, and where the real ones lie."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
GNA = DATA / "pge_gna_2023" / "pge_gna_2023_flat.csv.gz"
ICA = DATA / "pge_ica_2022"
VISTA = DATA / "mobility" / "vista" / "T_VISTA1218_V1.sample.csv.xz"
NHTS = DATA / "mobility" / "nhts2022" / "nhts2017_census_profiling_70trips.csv"


def real(path: Path) -> Path:
    """The path, or a skip where the data are not beside the checkout."""
    if not path.exists():
        pytest.skip(f"real data not beside the checkout: {path.name}")
    return path


YEARS = (2026, 2027)
FIXED = ("GNA NEED ID", "Division", "Facility Name", "Facility ID formatted", "Facility Type")
BLOCK = ("Facility Rating (MW)", "Facility Loading (MW)", "Facility Loading (%)")

# (division, name, id, type, rating, loading 2026, loading 2027). Two banks in one substation, a small
# bank nested under the feeder that supplies it, a withheld feeder, a withheld bank, a network group.
FACILITIES = (
    ("North", "ALDER BANK 1", 1234501, "Bank", 20.0, 14.0, 15.0),
    ("North", "ALDER 1101", 123451101, "Feeder", 10.0, 7.0, 8.0),
    ("North", "BIRCH BANK 1", 1234601, "Bank", 2.0, 1.0, 1.1),
    ("North", "BIRCH 0401", 123460401, "Feeder", 2.5, 1.0, 1.1),
    ("North", "ALDER 1102", 123451102, "Feeder", 10.0, 7.0, 7.2),
    ("North", "ALDER BANK 2", 1234502, "Bank", 20.0, 6.0, 6.0),
    ("North", "ALDER 1103", 123451103, "Feeder", 12.0, 6.0, 6.0),
    ("North", "ALDER 1104", 123451104, "Feeder", "CC", "CC", "CC"),
    ("South Bay", "CEDAR BANK 1", 1234701, "Bank", "CC", "CC", "CC"),
    ("South Bay", "CEDAR 2101", 123472101, "Feeder", 20.0, 12.0, 22.0),
    ("South Bay", "CEDAR 2102", 123472102, "Feeder", "", "", ""),
    ("South Bay", "DOGWOOD 1101", 123481101, "Feeder", 10.0, 4.0, 5.0),
    ("South Bay", "DOGWOOD GROUP 1,2", 1234899, "BankGroup", 30.0, 20.0, 21.0),
    ("South Bay", "ELM 1101", 123491101, "Feeder", 10.0, 4.0, 5.0),
)


def rows(facilities=FACILITIES):
    out = []
    for division, name, number, kind, rating, early, late in facilities:
        row = [f"GNA_{number}_Capacity", division, name, number, kind]
        for loading in (early, late):
            plain = isinstance(loading, float)
            row += [rating, loading, loading / rating if plain else loading]
        out.append(row)
    return out


def flat(path: Path, facilities=FACILITIES, header=None) -> Path:
    """The table flattened, with the year behind every figure's name; gzipped where the name says so."""
    names = header or [*FIXED, *(f"{b} {year}" for year in YEARS for b in BLOCK)]
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows(facilities)])
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def workbook(path: Path, facilities=FACILITIES, sheet: str = "Needs") -> Path:
    """The filing's own layout: notes, a row of merged year blocks above the names, a footnote."""
    above = ["Facility Information", "", "", "", ""] + [x for year in YEARS for x in (year, "", "")]
    table = [["Utility Assessment"], ["Version Date"], [], above, [*FIXED, *(BLOCK * len(YEARS))]]
    table += [*rows(facilities), [], ["* Note: a footnote of the filing"]]
    body = []
    for r, cells in enumerate(table, 1):
        xml = []
        for c, value in enumerate(cells):
            where = f"{chr(65 + c)}{r}"
            if value == "":
                continue
            if isinstance(value, str):
                text = escape(value)
                xml.append(f'<c r="{where}" t="inlineStr"><is><t>{text}</t></is></c>')
            else:
                xml.append(f'<c r="{where}"><v>{value}</v></c>')
        body.append(f'<row r="{r}">{"".join(xml)}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet2.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        )
        z.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        z.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="About" sheetId="1" r:id="r1"/>'
            f'<sheet name="{sheet}" sheetId="2" r:id="r2"/></sheets></workbook>',
        )
        z.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{rel}/worksheet" Target="worksheets/sheet2.xml"/></Relationships>',
        )
        about = '<row r="1"><c r="A1" t="inlineStr"><is><t>Contents</t></is></c></row>'
        z.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{about}</sheetData></worksheet>',
        )
        merged = '<mergeCells count="2"><mergeCell ref="F4:H4"/><mergeCell ref="I4:K4"/></mergeCells>'
        z.writestr(
            "xl/worksheets/sheet2.xml",
            f'<worksheet xmlns="{main}"><sheetData>{"".join(body)}</sheetData>{merged}</worksheet>',
        )
    return path
