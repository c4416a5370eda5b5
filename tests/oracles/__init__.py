"""Slow, obvious twins of what the package computes, written from the definitions."""
