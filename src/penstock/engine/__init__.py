"""The engine: reads splits side by side, puts rows in order, runs stages, commits epochs."""
