"""Numba kernels: pure functions, arrays in, arrays out; they know nothing of frames or flows."""
