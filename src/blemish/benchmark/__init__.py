"""Detectors x categories x seeds: jobs, worker processes, records."""
