"""Public sets, one file each: what lies on disk -> a catalog."""
