"""Compiled: arcs and cheapest plans over time, place and charge."""
