"""The arcs formulation: vehicles one by one, as flow through states of time, node and charge."""
