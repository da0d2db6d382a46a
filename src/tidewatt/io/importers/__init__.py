"""Scenarios from utility filings, trip diaries, roads, charging stations and distribution networks."""

from tidewatt.io.importers.filings.gna import import_gna
from tidewatt.io.importers.filings.ica import import_ica
from tidewatt.io.importers.grids.matpower import import_matpower
from tidewatt.io.importers.grids.opendss import import_opendss
from tidewatt.io.importers.grids.pandapower import import_pandapower
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.gmns import import_gmns
from tidewatt.io.importers.roads.osm import import_osm
from tidewatt.io.importers.roads.tntp import import_tntp
from tidewatt.io.importers.stations.stations import import_stations
from tidewatt.io.importers.travel.itineraries import import_diary, import_itineraries

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
