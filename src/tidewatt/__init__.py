"""tidewatt: what electric-vehicle charging does to distribution feeders, and how far flexibility spares them."""

__version__ = "0.1.0"
