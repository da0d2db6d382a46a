"""Prices by place and time that lead flexible charging to keep the grid within its limits."""
