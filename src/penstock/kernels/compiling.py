"""How kernels are compiled: once for a machine, without the interpreter's lock, and without counting references.

Numba counts references to an array wherever a function is handed one, with atomic operations that it often
cannot take out again: 85 of them made the access log kernel eight times slower (0.65 instead of 4.9 GB/s). A
function without them (`_nrt=False`) cannot make arrays: its caller keeps all that it works on.
"""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, nogil=True, _nrt=False)
"""Compiles a function over arrays that its caller keeps."""
part = njit(cache=True, nogil=True, _nrt=False, forceinline=True)
"""Compiles a small part of kernels, which LLVM puts in the place of each call."""
