"""GLEAM-C: one contrastive model that finds a photo, panorama, UAV picture or map among satellite tiles."""
