"""Charging at stations: requests, choice, queues, and the replay of a day for other plans."""
