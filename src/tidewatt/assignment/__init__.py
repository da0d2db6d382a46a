"""Static user equilibrium: link flows at which no driver would be faster on another path."""
