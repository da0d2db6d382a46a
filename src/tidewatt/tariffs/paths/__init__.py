"""The source's paths formulation: the charge of a path's vehicles is pooled."""
