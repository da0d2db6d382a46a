"""Re-deriving a result from its files alone."""
