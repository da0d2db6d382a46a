"""Import road networks: TNTP, GMNS, OpenStreetMap."""
