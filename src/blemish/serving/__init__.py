"""Models behind HTTP: who may ask, how much, and what they are told."""
