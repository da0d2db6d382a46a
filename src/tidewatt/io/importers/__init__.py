"""Scenarios from utility filings, trip diaries, roads, charging stations and distribution networks."""

from tidewatt.io.importers.gmns import import_gmns
from tidewatt.io.importers.gna import import_gna
from tidewatt.io.importers.ica import import_ica
from tidewatt.io.importers.itineraries import import_diary, import_itineraries
from tidewatt.io.importers.matpower import import_matpower
from tidewatt.io.importers.opendss import import_opendss
from tidewatt.io.importers.osm import import_osm
from tidewatt.io.importers.pandapower import import_pandapower
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.stations import import_stations
from tidewatt.io.importers.tntp import import_tntp

__all__ = [
    "ImportReport",
    "import_diary",
    "import_gmns",
    "import_gna",
    "import_ica",
    "import_itineraries",
    "import_matpower",
    "import_opendss",
    "import_osm",
    "import_pandapower",
    "import_stations",
    "import_tntp",
]
