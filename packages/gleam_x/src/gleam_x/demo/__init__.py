"""The page of ``gleam-x demo``: drop a photo, see where it was taken and why; on this machine alone, offline."""
