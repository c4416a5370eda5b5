"""Synthetic defects on good images, to learn from where no real defect is known."""
