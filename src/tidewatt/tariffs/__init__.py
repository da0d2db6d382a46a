"""Prices per place and time under which flexible charging keeps the grid within its limits."""
