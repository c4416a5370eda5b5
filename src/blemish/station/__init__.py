"""What a station does around a model: which files are meant, and what becomes of predictions."""
