"""A tariff case made, by stated rules, from a road network and a grid that know nothing of each other."""
