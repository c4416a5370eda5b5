"""Detectors: PatchCore and the contract that each of them keeps."""
