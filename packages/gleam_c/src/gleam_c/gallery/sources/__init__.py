"""Where the tiles of a gallery come from: rasters, XYZ tiles, geo-referenced pictures, catalogs."""
