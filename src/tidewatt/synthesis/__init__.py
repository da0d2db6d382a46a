"""Itineraries and regions made up from published statistics."""
