"""Import distribution networks: MATPOWER, pandapower, OpenDSS."""
