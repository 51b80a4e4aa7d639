"""Where a photo was taken: view, prior, candidates, confidence, radius; as tables, maps and tracks."""
