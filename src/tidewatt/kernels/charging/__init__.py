"""Compiled: the charging of one vehicle under prices, and passes over all vehicles."""
