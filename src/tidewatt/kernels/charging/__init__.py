"""Compiled: what one vehicle charges under prices, and passes over all of them."""
