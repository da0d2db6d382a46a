"""The paths formulation of the source: the charge of a path's vehicles is pooled."""
