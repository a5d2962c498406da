"""Benchmarks: what the figures in the documentation are measured with."""
