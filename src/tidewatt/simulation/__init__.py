"""A day or a week of driving, deciding, queueing and charging, minute by minute."""
