"""The study `tariff`: prices that keep the grid within its limits, and what they lead to."""
