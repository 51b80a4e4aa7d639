"""Metrics: pure functions first, thin torchmetrics states second."""
