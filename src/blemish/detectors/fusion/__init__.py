"""Several detectors that judge together."""
