"""tidewatt: what electric-vehicle charging does to distribution feeders, and how far it can be spared."""

__version__ = "0.1.0"
