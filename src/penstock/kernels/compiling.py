"""How kernels are compiled: once for a machine, without the interpreter's lock, without reference counts.

Numba counts references to an array wherever a function is handed one, with atomic operations that it often
cannot take out again: 85 of them made the access log kernel eight times slower (0.65 instead of 4.9 GB/s). A
function without them (`_nrt=False`) cannot make arrays: its caller keeps all that it works on.

Numba also compiles a function anew for every constant it is called with, `put(0)`, `put(1)`, ...: that made
the same kernel take 10 s to compile instead of 3. Here a constant is a number like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function over arrays that its caller keeps."""
    return _without_literals(njit(cache=True, nogil=True, _nrt=False)(function))


def part(function: Callable[..., Any]) -> Any:
    """Compile a small part of kernels, which LLVM puts in the place of each call."""
    return _without_literals(njit(cache=True, nogil=True, _nrt=False, forceinline=True)(function))


def fixed(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array not to be written to, so that a kernel is compiled for one kind of array only."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _without_literals(dispatcher: Any) -> Any:
    typed = dispatcher.get_call_template

    def get_call_template(arguments: Any, keywords: Any) -> Any:
        plain = tuple(types.unliteral(argument) for argument in arguments)
        return typed(plain, {name: types.unliteral(of) for name, of in keywords.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher
