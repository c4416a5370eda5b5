"""Data sets written in the formats of other tools, so that nothing is lost on the way back."""
