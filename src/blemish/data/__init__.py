"""Data sets: samples, layouts found by looking, splits, the audit before a fit."""
