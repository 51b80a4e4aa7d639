"""SynthCity: a seeded procedural world with five views of each place and the facts that each picture shows."""
