"""Weeks of driving made from statistics or diaries, and embedded example regions."""
