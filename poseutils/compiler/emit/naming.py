"""What the files, C symbols and tensors of a network are called."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path

from ...errors import PoseError
from ..graph import Graph
from .c_text import c_comment

LONGEST = 48
"""Characters of a name that is made from a file's."""

_LONGEST_GIVEN = 100
"""Characters of one that is given: file names and C identifiers are longer by a few."""

_DIGITS = 6
"""Of the hash that tells names apart."""

PREFIX = "net"
"""Put before what cannot stand alone: net_033_hand."""

_KEYWORDS = """
    alignas alignof and and_eq asm atomic_cancel auto bitand bitor bool break case catch char class
    compl concept const consteval constexpr constinit const_cast continue co_await co_return
    co_yield decltype default delete do double dynamic_cast else enum explicit export extern false
    float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
    operator or or_eq private protected public register reinterpret_cast requires restrict return
    short signed sizeof static static_assert static_cast struct switch template this thread_local
    throw true try typedef typeid typename typeof typeof_unqual union unsigned using virtual void
    volatile wchar_t while xor xor_eq
"""

_HEADERS = """
    arm_acle arm_mve assert complex ctype errno fenv float inttypes iso646 limits locale math
    setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn
    string tgmath threads time uchar wchar wctype
"""

_MACROS = """
    big_endian bufsiz byte_order clearerr eof exit_failure exit_success fast_putc feof ferror
    filename_max fopen_max fpclassify have_initfini_array infinity iscanonical iseqsig isfinite
    isgreater isgreaterequal isinf isless islessequal islessgreater isnan isnormal issignaling
    issubnormal isunordered iszero l_tmpnam linux little_endian log2 math_errexcept math_errhandling
    math_errno mb_cur_max nan null offsetof pdp_endian quad rand_max signbit signgam stderr stdin
    stdout unix
"""

_MACRO_FAMILIES = re.compile(
    r"u?int(ptr|max|_least|_fast)?\d*_(c|max|min|t|width)"
    r"|(ptrdiff|size|sig_atomic|wchar|wint|tmp)_(max|min|t|width)"
    r"|fp_\w+|huge_val[fl]?|maxfloat|seek_(cur|end|set)|pthread_\w+|p_tmpdir|l_ctermid"
    r"|m_(\d|e$|pi|i\w*ln|ln|log|sqrt|twopi)\w*"
)
"""What the standard headers that the code includes define, in lower case."""

_OURS = "app_config build cmakelists labels m4 m55 m7 main makefile manifest readme startup"

_TARGETS = "all clean debug help host install m package test"

_DEVICES = "aux con nul prn " + " ".join(
    f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)
)

RESERVED = frozenset(f"{_KEYWORDS} {_HEADERS} {_MACROS} {_OURS} {_TARGETS} {_DEVICES}".split())
"""In lower case: keywords of C and C++, standard headers and their macros, the folder's other
files, targets of make and CMake, the math library, and the device names of Windows."""

_ENDINGS = ("_poses", "_weights")
"""What the names of a network's own files end with."""

_LABEL = 40
"""Characters of a tensor's name in comments, tables and for hooks."""

_SHARED = ("pose_", "decode_")
"""Prefixes of the files and symbols that all networks share."""

_ST = "network"
"""What ST's compiler calls its own files."""


def symbol_name(name: str | None, model: Path) -> str:
    """The C identifier that files and symbols begin with: ``name``, or else :func:`default_name`.

    In a given name, characters that C does not allow become ``_``, and one that begins with a digit
    or ``_`` gets ``net_`` before it.

    Raises:
        PoseError: if the given name is taken, such as ``main``, or too long.
    """
    if name is None:
        return default_name(model)
    if not isinstance(name, str) or len(name) > _LONGEST_GIVEN:
        what = f"a name of {len(name)} characters" if isinstance(name, str) else f"name={name!r}"
        raise PoseError(f"{what}: a text of at most {_LONGEST_GIVEN} characters is expected")
    made = _standing(re.sub(r"[^A-Za-z0-9_]", "_", name))
    if made.lower().endswith(_ENDINGS):
        raise PoseError(
            f"name={name!r}: other files of a network end in {' or '.join(_ENDINGS)}. Choose "
            "another name"
        )
    if _taken(made.lower()):
        raise PoseError(
            f"name={name!r}: a keyword, a macro, a standard header or another file of the folder "
            "is called that. Choose another name"
        )
    return made


def default_name(model: Path) -> str:
    """A C identifier out of a model's file name.

    Lower case, accents dropped, all but letters and digits as one ``_``. ``net_`` comes before what
    begins with a digit, is :data:`RESERVED` or belongs to ST's or the shared files, ``_net``
    after what ends in ``_weights`` or ``_poses``. Where letters are lost, as those of other
    alphabets, or whole words, as there are more than :data:`LONGEST` characters, a hash of the
    file's name comes last.
    """
    folded = unicodedata.normalize("NFKD", model.stem).casefold()
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", plain)
    name = _free("_".join(words))
    lost = not words or any(c.isalnum() and not c.isascii() for c in plain)
    if not lost and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{_cut(name, LONGEST - 1 - _DIGITS)}_{digest}"


def _free(name: str) -> str:
    """A name that nothing else has."""
    name = _standing(name)
    if _taken(name) or f"{name}_".startswith(f"{_ST}_"):
        name = f"{PREFIX}_{name}"
    return f"{name}_{PREFIX}" if name.endswith(_ENDINGS) else name


def _cut(name: str, length: int) -> str:
    """Whole words of a name, where there are several."""
    return name if len(name) <= length else name[: max(name.rfind("_", 0, length + 1), 0) or length]


def _standing(name: str) -> str:
    """A name that begins with a letter."""
    if not name.strip("_"):
        return PREFIX
    return name if name[0].isalpha() else f"{PREFIX}_{name.lstrip('_')}"


def _taken(name: str) -> bool:
    reserved = name in RESERVED or _MACRO_FAMILIES.fullmatch(name)
    return bool(reserved) or f"{name}_".startswith(_SHARED)


def tensor_labels(graph: Graph) -> list[str]:
    """A short name for each tensor: converters join names of hundreds of characters.

    What is cut off or not unique gets the tensor's number.
    """
    firsts = [c_comment(tensor.name.partition(";")[0]) for tensor in graph.tensors]
    counts = Counter(firsts)
    return [_label(first, number, counts[first] > 1) for number, first in enumerate(firsts)]


def _label(name: str, number: int, shared: bool) -> str:
    if len(name) <= _LABEL and not shared:
        return name
    return f"{name if len(name) <= _LABEL else '...' + name[3 - _LABEL :]} #{number}"
