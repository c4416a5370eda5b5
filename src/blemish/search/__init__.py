"""Nearest neighbours: which vectors are kept, and how the nearest of them is found."""
