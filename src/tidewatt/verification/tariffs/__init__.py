"""Re-derive results of `tariff`."""
