"""The library against its header: symbols, signatures, what it needs, what it reads.

The compiler accepts a wrong type under @_cdecl in silence, so the signatures are compared here.
"""

import ctypes
import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from abi_signatures import header_functions, mismatch, swift_functions, swift_types

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "betty.h"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
MODES = [
    ("gcc", "c", "c99", ["-Wstrict-prototypes"]),
    ("gcc", "c", "c11", ["-Wstrict-prototypes"]),
    ("gcc", "c", "c17", ["-Wstrict-prototypes"]),
    ("g++", "c++", "c++17", []),
]


@pytest.fixture(scope="module")
def library() -> Path:
    """The library that users get: of the installed package, or what BETTY_LIBRARY names."""
    if given := os.environ.get("BETTY_LIBRARY"):
        return Path(given)
    return Path(importlib.util.find_spec("betty").origin).with_name("libbetty.so")


@pytest.fixture(scope="module")
def header():
    return header_functions(HEADER.read_text())


@pytest.fixture(scope="module")
def swift():
    texts = [path.read_text() for path in sorted((ROOT / "Sources" / "BettyC").rglob("*.swift"))]
    return swift_functions("\n".join(texts))


def run(*command, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("compiler", "language", "standard", "more"), MODES)
def test_header_compiles_alone(compiler, language, standard, more):
    for text in ('#include "betty.h"\n#include "betty.h"\n', f'#include "{HEADER}"\n'):
        run(
            compiler,
            f"-std={standard}",
            *WARNINGS,
            *more,
            "-x",
            language,
            f"-I{HEADER.parent}",
            "-fsyntax-only",
            "-",
            input=text + "const char *(*use)(void) = betty_version;\n",
        )


def test_header_is_c_for_cpp(tmp_path):
    text = '#include "betty.h"\nconst char *use() { return betty_version(); }\n'
    target = tmp_path / "use.o"
    run(
        "g++",
        "-std=c++17",
        *WARNINGS,
        "-x",
        "c++",
        f"-I{HEADER.parent}",
        "-c",
        "-",
        "-o",
        target,
        input=text,
    )
    assert re.search(r" U betty_version$", run("nm", target), re.M)


def test_header_keeps_to_one_prefix(header):
    assert header.functions, "no function found in the header"
    assert [name for name in header.functions if not name.startswith("betty_")] == []


def test_exports_are_the_header(header, library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    exported = {line.split()[-1] for line in lines if line.split()[-2].isupper()}
    assert exported == set(header.functions)


def test_swift_signatures_are_the_header(header, swift):
    assert set(swift) == set(header.functions)
    wrong = [mismatch(c, swift[name], header) for name, c in header.functions.items()]
    assert [line for line in wrong if line] == []


def test_a_wrong_signature_is_seen():
    header = header_functions(
        "typedef int32_t betty_status; typedef struct betty_x betty_x;\n"
        "typedef betty_status (*betty_call)(betty_x *x, void *user_data);\n"
        "betty_status betty_a(const char *name, int64_t n, betty_x *const *all, betty_x **out_x);\n"
        "void betty_b(const betty_x *x, betty_call call, void *user_data);\n"
        "const char *betty_c(void);\n")  # fmt: skip
    good = """
    typealias Handle = OpaquePointer
    typealias Call = @convention(c) (Handle?, UnsafeMutableRawPointer?) -> Int32
    @_cdecl("betty_a")
    public func betty_a(
      _ name: UnsafePointer<CChar>?, _ n: Int64, _ all: UnsafePointer<Handle?>?,
      _ x: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 { 0 }
    @_cdecl("betty_b") public func betty_b(
      _ x: Handle?, _ call: Call?, _ data: UnsafeMutableRawPointer?) {}
    @_cdecl("betty_c") public func betty_c() -> UnsafePointer<CChar> { text }
    """

    def differences(text):
        found = swift_functions(text)
        lines = [mismatch(c, found[name], header) for name, c in header.functions.items()]
        return [line for line in lines if line]

    assert set(header.functions) == set(swift_functions(good)) == {"betty_a", "betty_b", "betty_c"}
    assert differences(good) == []
    for before, after in [
        ("n: Int64", "n: Int32"),
        ("UnsafePointer<CChar>?", "UnsafePointer<CChar>"),
        ("UnsafePointer<Handle?>?", "UnsafePointer<Handle>?"),
        ("UnsafePointer<Handle?>?", "UnsafeMutablePointer<Handle?>?"),
        (") -> Int32 { 0 }", ") { }"),
        ("-> Int32\n    @_cdecl", "-> Int64\n    @_cdecl"),
        (", _ data: UnsafeMutableRawPointer?", ""),
        ("() -> UnsafePointer<CChar>", "() -> UnsafeRawPointer"),
    ]:
        assert before in good
        assert len(differences(good.replace(before, after, 1))) == 1, (before, after)
    assert swift_types("const betty_x * *", header) == {"UnsafeMutablePointer<OpaquePointer?>?"}


def test_needs_libc_and_libm_only(library):
    dynamic = run("readelf", "-d", "-W", library)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    assert needed <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
    assert set(re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", dynamic)) <= {"$ORIGIN"}


def test_is_stripped_and_its_stack_is_not_executable(library):
    assert ".symtab" not in run("readelf", "-S", "-W", library)
    stack = re.search(r"GNU_STACK.*", run("readelf", "-l", "-W", library))[0]
    assert "RWE" not in stack


def test_version_is_the_packages(library):
    function = ctypes.CDLL(str(library)).betty_version
    function.restype = ctypes.c_char_p
    project = tomllib.loads((ROOT / "python" / "pyproject.toml").read_text())["project"]
    assert function().decode() == project["version"]


def test_environment_of_other_blas_copies_is_not_read(library, tmp_path):
    """An executable's own getenv stands before libc's, so it hears every question."""
    source = tmp_path / "listen.c"
    source.write_text(r"""
        #define _GNU_SOURCE
        #include <stdio.h>
        #include <string.h>
        #include "betty.h"
        extern char **environ;
        static char asked[1 << 16];
        char *getenv(const char *name) {
          strncat(asked, name, sizeof asked - strlen(asked) - 2);
          strcat(asked, "\n");
          size_t length = strlen(name);
          for (char **entry = environ; entry && *entry; entry++)
            if (!strncmp(*entry, name, length) && (*entry)[length] == '=')
              return *entry + length + 1;
          return NULL;
        }
        int main(void) { return puts(asked) < 0 || !betty_version(); }
    """)
    program = tmp_path / "listen"
    run(
        "gcc",
        "-std=c11",
        source,
        f"-I{HEADER.parent}",
        "-rdynamic",
        f"-L{library.parent}",
        "-lbetty",
        f"-Wl,-rpath,{library.parent}",
        "-o",
        program,
    )
    asked = run(program).split()
    foreign = [name for name in asked if re.match(r"(OPENBLAS|GOTO|OMP|BLAS|MKL)_", name)]
    assert foreign == []
    assert "BETTY_CORETYPE" in asked  # else nothing was heard at all
