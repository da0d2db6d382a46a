"""One replication: vehicles drive, decide and stay, step by step."""
