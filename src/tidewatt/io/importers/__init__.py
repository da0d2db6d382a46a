"""Scenarios from utility filings and trip diaries."""

from tidewatt.io.importers.gna import import_gna
from tidewatt.io.importers.ica import import_ica
from tidewatt.io.importers.itineraries import import_diary, import_itineraries
from tidewatt.io.importers.report import ImportReport

__all__ = ["ImportReport", "import_diary", "import_gna", "import_ica", "import_itineraries"]
