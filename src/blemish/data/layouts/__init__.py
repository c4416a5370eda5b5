"""Layouts of data on disk, found by looking; one file each."""
