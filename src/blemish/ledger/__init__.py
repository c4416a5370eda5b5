"""The record that stands: every inspection and every act of a person, in order, chained by hashes."""
