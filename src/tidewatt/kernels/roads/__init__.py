"""Compiled: shortest paths, contraction hierarchy, equilibrium flows and movement on links."""
