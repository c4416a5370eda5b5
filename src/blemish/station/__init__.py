"""The station: from cameras to verdicts to machines, one process that runs unattended."""
