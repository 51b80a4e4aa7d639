"""Photo in, place out: GLEAM-C finds, GLEAM-X verifies and re-ranks, and explains; or the answer is left open."""
