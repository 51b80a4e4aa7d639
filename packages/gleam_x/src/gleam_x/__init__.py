"""GLEAM-X: says whether two pictures show the same place, and why."""
