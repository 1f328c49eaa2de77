"""A C compiler that compiles the same file with the same flags once in a run of the tests.

Most exported networks have most kernels in common. ``install`` puts this file on PATH under the
names of the compilers; it hands everything but a plain compilation to the compiler itself, and a
compilation that prints or fails as well."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

COMPILERS = ("cc", "gcc", "clang", "arm-none-eabi-gcc")
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
OTHER_WORK = re.compile(r"-(E|S|M.*|x.*|fsyntax-only|save-temps.*|)$")


def install(folder: Path) -> None:
    """Puts the compilers that are installed here, with this cache, first on PATH."""
    folder.mkdir()
    program = shutil.copy(__file__, folder)
    run = f"{shlex.quote(sys.executable)} -IS {shlex.quote(str(program))}"
    for name in filter(shutil.which, COMPILERS):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {run} {name} "$@"\n')
        script.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def compile_or_copy(compiler: list[str], source: str, flags: list[str], cache: Path) -> Path | None:
    """The object file of a source; None if the compiler fails or prints something."""
    places = [flag[2:] for flag in flags if flag.startswith("-I")]
    files = _files(source, places, {})
    # A macro that no file asks for changes none; those of the system's headers begin with _.
    text = b"".join(files.values()).decode("latin-1")
    idle = {f for f in flags if re.match(r"-D[A-Za-z]", f) and f[2:].split("=")[0] not in text}
    idle -= {"-DNDEBUG"}
    flags = [flag for flag in flags if flag not in idle]
    key = hashlib.sha256(repr([compiler, [f for f in flags if f[:2] != "-I"]]).encode())
    for name, data in files.items():
        key.update(b"%s %d " % (name.encode(), len(data)) + data)
    made = cache / f"{key.hexdigest()[:32]}.o"
    if not made.exists():
        work = cache / f"{made.name}.{os.getpid()}.o"
        command = [*compiler, *flags, "-c", source, "-o", str(work)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode or done.stdout:
            work.unlink(missing_ok=True)
            return None
        work.rename(made)
    return made


def _files(path: str, places: list[str], found: dict[str, bytes]) -> dict[str, bytes]:
    """The contents of a source and of all that it includes, but for the system's headers."""
    found[os.path.basename(path)] = data = Path(path).read_bytes()
    for name in map(bytes.decode, INCLUDE.findall(data)):
        for place in (os.path.dirname(path) or ".", *places):
            inner = os.path.join(place, name)
            if os.path.basename(name) not in found and os.path.isfile(inner):
                _files(inner, places, found)
    return found


def main(name: str, arguments: list[str]) -> None:
    folder = Path(__file__).parent
    rest = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != str(folder))
    compiler = shutil.which(name, path=rest)
    assert compiler is not None
    cached = _with_objects(compiler, arguments, folder)
    os.execv(compiler, [compiler, *(cached or arguments)])


def _with_objects(compiler: str, arguments: list[str], cache: Path) -> list[str] | None:
    """The arguments with objects in place of sources; None where the compiler is to do it all."""
    values = {i + 1 for i, a in enumerate(arguments) if a in ("-o", "-T", "-I", "-D", "-include")}
    sources = [a for i, a in enumerate(arguments) if a.endswith(".c") and i not in values]
    if not sources or any(map(OTHER_WORK.match, arguments)) or {"-I", "-include"} & {*arguments}:
        return None
    links = {i for i, a in enumerate(arguments) if re.match(r"-(o|T|l.*|L.*|Wl.*|c|shared)$", a)}
    links |= {i + 1 for i in links if arguments[i] in ("-o", "-T")}
    inputs = re.compile(r".*\.([coa]|cpp)$")
    flags = [a for i, a in enumerate(arguments) if i not in links and not inputs.match(a)]
    objects = {source: compile_or_copy([compiler], source, flags, cache) for source in sources}
    if None in objects.values():
        return None
    if "-c" not in arguments:
        return [str(objects.get(a, a)) for a in arguments]
    for source, made in objects.items():
        named = arguments[arguments.index("-o") + 1] if "-o" in arguments else None
        shutil.copyfile(str(made), named or os.path.basename(source)[:-2] + ".o")
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
