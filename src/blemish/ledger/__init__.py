"""The record that stands: inspections and acts of people, in order, chained by hashes."""
