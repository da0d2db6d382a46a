"""A case of tariffs from a road network and a grid that know nothing of each other, by stated rules."""
