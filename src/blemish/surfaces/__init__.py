"""Drawn surfaces with defects and exact masks."""
