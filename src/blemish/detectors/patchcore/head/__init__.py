"""A small net that makes a map from how far patches are from two banks, and nothing else."""
