"""Measures penstock against Polars and DuckDB: `python -m benchmarks --list`."""
