"""Predictions of files: which ones are meant, what becomes of what a model says, golden samples."""
