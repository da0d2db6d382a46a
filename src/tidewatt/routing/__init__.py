"""Exact shortest paths on the road network, renewed many times a day."""
