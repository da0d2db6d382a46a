"""The verb ``import``: one command a source."""

from __future__ import annotations

from cyclopts import App

from tidewatt.cli.importing_grids import itineraries, pge_gna, pge_ica
from tidewatt.cli.importing_networks import matpower, opendss, pandapower
from tidewatt.cli.importing_roads import gmns, osm, tntp
from tidewatt.cli.importing_stations import stations

__all__ = ["importing"]

importing = App(
    name="import",
    help="Turn filings, trip diaries, road networks, station lists or distribution networks into a scenario.",
)
importing.command(pge_gna, name="pge-gna")
importing.command(pge_ica, name="pge-ica")
importing.command(itineraries)
importing.command(tntp)
importing.command(gmns)
importing.command(osm)
importing.command(stations)
importing.command(matpower)
importing.command(pandapower)
importing.command(opendss)
