"""Reads tables of a flatbuffer within its bounds.

The classes that LiteRT generates from schema.fbs trust every offset and length in a file. Each of
them reads through one table object; :func:`bounded` replaces it by one that checks. Of another
schema, for which no classes are generated, :func:`root` reads the fields by their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, TypeVar

import numpy as np
from flatbuffers import number_types, packer
from flatbuffers.table import Table

_Generated = TypeVar("_Generated")


class Damaged(ValueError):
    """Raised for content that no valid file has; the message says what it is."""


class _BoundedTable(Table):
    """The methods through which generated classes read, with flatbuffers' names."""

    def Get(self, flags: Any, off: int) -> Any:
        return flags.py_type(self._number(flags.packer_type, off))

    def Offset(self, vtableOffset: int) -> int:
        vtable = self.Pos - self._number(packer.soffset, self.Pos)
        is_absent = vtableOffset >= self._number(packer.voffset, vtable)
        return 0 if is_absent else self._number(packer.voffset, vtable + vtableOffset)

    def Indirect(self, off: int) -> int:
        target = off + self._number(packer.uoffset, off)
        self._check(target, 4)
        return target

    def Union(self, t2: Table, off: int) -> None:
        t2.Bytes, t2.Pos = self.Bytes, self.Indirect(self.Pos + off)

    def String(self, off: int) -> bytes:
        start, length = self._vector(off, 1)
        return bytes(self.Bytes[start : start + length])

    def Vector(self, off: int) -> int:
        return self._vector(self.Pos + off, 1)[0]

    def VectorLen(self, off: int) -> int:
        return self._vector(self.Pos + off, 1)[1]

    def GetVectorAsNumpy(self, flags: Any, off: int) -> np.ndarray:
        start, length = self._vector(self.Pos + off, flags.bytewidth)
        return np.frombuffer(self.Bytes, number_types.to_numpy_type(flags), length, start)

    def _vector(self, off: int, width: int) -> tuple[int, int]:
        """The first byte and the length of a vector, all of which lies within the file."""
        start = self.Indirect(off)
        length = self._number(packer.uoffset, start)
        self._check(start + 4, length * width)
        return start + 4, length

    def _number(self, packed: Struct, off: int) -> Any:
        self._check(off, packed.size)
        return packed.unpack_from(self.Bytes, off)[0]

    def _check(self, off: int, size: int) -> None:
        if not 0 <= off <= off + size <= len(self.Bytes):
            raise Damaged(f"an offset in it leads to {size} bytes at {off}, outside of the file")


def bounded(generated: _Generated) -> _Generated:
    """The same object of a generated class, reading within the file from now on. What it gives for
    a table within it is to be bounded again."""
    table = generated._tab  # type: ignore[attr-defined]
    generated._tab = _BoundedTable(table.Bytes, table.Pos)  # type: ignore[attr-defined]
    return generated


class Fields:
    """A table whose fields are known by their numbers, from 0 on."""

    def __init__(self, data: bytes, position: int):
        self._table = _BoundedTable(data, position)

    def _offset(self, number: int) -> int:
        return int(self._table.Offset(4 + 2 * number))

    def byte(self, number: int) -> int:
        """0 if the field is left out."""
        offset = self._offset(number)
        flags = number_types.Uint8Flags
        return int(self._table.Get(flags, self._table.Pos + offset)) if offset else 0

    def floats(self, number: int) -> np.ndarray:
        """Empty if the field is left out."""
        offset, flags = self._offset(number), number_types.Float32Flags
        return self._table.GetVectorAsNumpy(flags, offset) if offset else np.zeros(0, np.float32)

    def table(self, number: int) -> Fields | None:
        offset, table = self._offset(number), self._table
        return Fields(table.Bytes, table.Indirect(table.Pos + offset)) if offset else None

    def tables(self, number: int) -> Iterator[Fields]:
        """The entries of a vector of tables."""
        offset, table = self._offset(number), self._table
        for i in range(table.VectorLen(offset) if offset else 0):
            yield Fields(table.Bytes, table.Indirect(table.Vector(offset) + 4 * i))


def root(data: bytes) -> Fields:
    """The first table of a flatbuffer."""
    return Fields(data, _BoundedTable(data, 0).Indirect(0))
