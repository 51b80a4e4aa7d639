"""People look at the benchmark: a local page, agreement, adjudication, and a benchmark with their changes applied."""
