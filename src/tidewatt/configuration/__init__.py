"""How many fast and normal chargers every station should have, given how drivers react."""
