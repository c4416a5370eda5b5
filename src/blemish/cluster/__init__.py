"""A cluster that Ray runs: how it is reached, and what is made sure of before any work."""
