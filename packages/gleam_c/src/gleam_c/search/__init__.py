"""Searching a gallery: where (areas, an index of places), and what (exact scores, engines)."""
