"""Static user equilibrium: link flows under which nobody is faster by another path."""
