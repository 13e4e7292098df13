"""Unknown and uncertain positions: what was observed there, and chains and weights over what may stand there."""
