"""Loads, stores and compares of many bytes at once, in LLVM's own terms.

The compares are written as vectors of 64 bytes; LLVM makes of them what the machine has (AVX-512, AVX2, SSE2,
NEON). After G. Langdale, D. Lemire, Parsing Gigabytes of JSON per Second, 2019. Nothing here checks bounds.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, D103

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_I8, _I64, _I128 = ir.IntType(8), ir.IntType(64), ir.IntType(128)
_I32, _PLACE = ir.IntType(32), _I8.as_pointer()
_WIDE = ir.VectorType(_I8, 64)


def _address(context, builder, kind, array, at):
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [at])


@intrinsic
def load_word(typing, data, at):
    def generate(context, builder, signature, arguments):
        place = _address(context, builder, signature.args[0], *arguments)
        loaded = builder.load(builder.bitcast(place, _I64.as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(data, types.int64), generate


@intrinsic
def load_byte(typing, data, at):
    def generate(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments))

    return types.uint8(data, types.int64), generate


@intrinsic
def store_word(typing, data, at, value):
    def generate(context, builder, signature, arguments):
        place = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(place, _I64.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


@intrinsic
def prefetch(typing, array, at):
    """Ask for the cache line of an array's element number `at`, which is to be read soon; any will do."""

    def generate(context, builder, signature, arguments):
        place = _address(context, builder, signature.args[0], *arguments)
        read, near, data = (ir.Constant(_I32, flag) for flag in (0, 3, 1))
        kind = ir.FunctionType(ir.VoidType(), [_PLACE, _I32, _I32, _I32])
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [_PLACE], kind),
            [builder.bitcast(place, _PLACE), read, near, data],
        )
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _matcher(*wanted: int, up_to: int | None = None):
    """Make an intrinsic that says which of 64 bytes are one of `wanted` (-1: above 127) or up to `up_to`."""

    @intrinsic
    def match(typing, data, at):
        def generate(context, builder, signature, arguments):
            place = _address(context, builder, signature.args[0], *arguments)
            loaded = builder.load(builder.bitcast(place, _WIDE.as_pointer()))
            loaded.align = 1
            found = None
            if up_to is not None:
                found = builder.icmp_unsigned("<=", loaded, ir.Constant(_WIDE, [up_to] * 64))
            for byte in wanted:
                if byte < 0:
                    one = builder.icmp_signed("<", loaded, ir.Constant(_WIDE, [0] * 64))
                else:
                    one = builder.icmp_unsigned("==", loaded, ir.Constant(_WIDE, [byte] * 64))
                found = one if found is None else builder.or_(found, one)
            return builder.bitcast(found, _I64)

        return types.uint64(data, types.int64), generate

    return match


newlines = _matcher(10)
spaces = _matcher(32, 10)
quotes_or_escapes = _matcher(34, 92, 10)
string_stops = _matcher(34, 92, up_to=31)
high = _matcher(-1)
value_ends = _matcher(34, up_to=32)


@intrinsic
def count_ones(typing, value):
    def generate(context, builder, signature, arguments):
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [_I64]), arguments)

    return types.uint64(types.uint64), generate


@intrinsic
def high_product(typing, one, other):
    """Return the upper 64 of the 128 bits of the product of two numbers (uint64)."""

    def generate(context, builder, signature, arguments):
        product = builder.mul(*(builder.zext(factor, _I128) for factor in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(_I128, 64)), _I64)

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def newlines_or_two(typing, data, at, first, second):
    """Say which of 64 bytes are a newline or one of two that are known only when it runs."""

    def generate(context, builder, signature, arguments):
        place = _address(context, builder, signature.args[0], *arguments[:2])
        loaded = builder.load(builder.bitcast(place, _WIDE.as_pointer()))
        loaded.align = 1
        found = builder.icmp_unsigned("==", loaded, ir.Constant(_WIDE, [10] * 64))
        nowhere = ir.Constant(_WIDE, ir.Undefined)
        to_all = ir.Constant(ir.VectorType(_I32, 64), [0] * 64)
        for byte in arguments[2:]:
            one = builder.insert_element(nowhere, byte, ir.Constant(_I32, 0))
            everywhere = builder.shuffle_vector(one, nowhere, to_all)
            found = builder.or_(found, builder.icmp_unsigned("==", loaded, everywhere))
        return builder.bitcast(found, _I64)

    return types.uint64(data, types.int64, types.uint8, types.uint8), generate
