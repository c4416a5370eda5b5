"""Figures on raw scores: pure functions, with their uncertainty."""
