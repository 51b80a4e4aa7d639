"""Galleries: maps and tiles cut, embedded and kept so that photos are found in them."""
