"""Convolutions in 8 bits, made from the user's own good images."""
