"""Data, world, metrics and reports for cross-view geo-localization."""
