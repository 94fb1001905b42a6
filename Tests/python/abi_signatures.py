"""Signatures of the C interface, read from the header and from the Swift sources.

Duty: `header_functions` gives what betty.h declares, `swift_functions` what @_cdecl exports, and
`mismatch` says in one line how a pair differs. Invariant: every pointer that C can pass is an
Optional in Swift, at every level, or NULL would be undefined behaviour.
"""

import re
from dataclasses import dataclass, field

SCALARS = {
    "int32_t": {"Int32"},
    "int64_t": {"Int64"},
    "uint8_t": {"UInt8"},
    "uint32_t": {"UInt32"},
    "uint64_t": {"UInt64"},
    "size_t": {"Int", "UInt"},
    "int": {"Int32", "CInt"},
    "char": {"CChar"},
    "float": {"Float"},
    "double": {"Double"},
}


@dataclass
class Function:
    name: str
    result: str
    parameters: list[str]


@dataclass
class Header:
    functions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    callbacks: dict[str, Function] = field(default_factory=dict)
    structs: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)


def split_top(text: str, opening: str = "(<[", closing: str = ")>]") -> list[str]:
    """Splits at commas outside every bracket; the arrow of a function type is no bracket."""
    parts, depth, start = [], 0, 0
    text = text.replace("->", "\0")
    for i, c in enumerate(text):
        depth += (c in opening) - (c in closing)
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.replace("\0", "->").strip() for part in parts if part.strip()]


def header_functions(text: str) -> Header:
    """Reads a header: prototypes, scalar typedefs, callback typedefs, structs."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^\s*#(?:[^\n\\]|\\.|\\\n)*$", " ", text, flags=re.M)
    text = re.sub(r'extern\s+"C"\s*\{', " ", text)
    header = Header()
    for body in re.finditer(r"(?:typedef\s+)?struct(?:\s+(\w+))?\s*\{[^{}]*\}\s*(\w*)\s*;", text):
        header.structs |= {name for name in body.groups() if name}
    text = re.sub(r"(?:typedef\s+)?(?:struct|enum)(?:\s+\w+)?\s*\{[^{}]*\}\s*\w*\s*;", " ", text)
    for statement in text.replace("}", " ").split(";"):
        _statement(" ".join(statement.split()), header)
    header.opaque -= header.structs
    return header


def _statement(text: str, header: Header) -> None:
    if m := re.fullmatch(r"typedef (.+?)\(\s*\*\s*(\w+)\s*\)\s*\((.*)\)", text):
        header.callbacks[m[2]] = Function(m[2], m[1].strip(), _c_parameters(m[3]))
    elif m := re.fullmatch(r"typedef struct (\w+) (\w+)", text):
        header.opaque |= {m[1], m[2]}
    elif m := re.fullmatch(r"typedef (\w+) (\w+)", text):
        header.aliases[m[2]] = m[1]
    elif m := re.fullmatch(r"(?:extern )?(.+?[\s*])(\w+)\s*\((.*)\)", text):
        header.functions[m[2]] = Function(m[2], m[1].strip(), _c_parameters(m[3]))


def _c_parameters(text: str) -> list[str]:
    """The types of a parameter list, without the names."""
    if text.strip() in ("", "void"):
        return []
    return [_without_name(part) for part in split_top(text)]


def _without_name(declaration: str) -> str:
    if m := re.fullmatch(r"(.*?)(\w+)\s*\[\s*\w*\s*\]", declaration):
        return f"{m[1].strip()} *"
    words = re.findall(r"\w+|\*", declaration)
    kinds = [word for word in words if word not in ("const", "struct", "*")]
    if len(kinds) > 1 and words[-1] == kinds[-1]:
        words = words[:-1]
    return " ".join(words)


def swift_types(c_type: str, header: Header) -> set[str]:
    """The Swift spellings that stand for a C type (none for void)."""
    words = [word for word in re.findall(r"\w+|\*", c_type) if word != "struct"]
    levels = " ".join(words).split("*")
    constant = ["const" in level.split() for level in levels]
    base = next(word for word in levels[0].split() if word != "const")
    base = header.aliases.get(base, base)
    pointers = len(levels) - 1
    if base in header.callbacks and pointers == 0:
        return _callback_types(header.callbacks[base], header)
    if pointers == 0:
        return {"Void", "()"} if base == "void" else SCALARS.get(base, {base})
    kind = "" if constant[0] else "Mutable"
    if base == "void":
        types = {f"Unsafe{kind}RawPointer?"}
    elif base in header.opaque:
        types = {"OpaquePointer?"}
    elif base in header.structs:
        types = {f"Unsafe{kind}Pointer<{base}>?", f"Unsafe{kind}RawPointer?", "OpaquePointer?"}
    else:
        inner = swift_types(base, header)
        types = {f"Unsafe{kind}Pointer<{name}>?" for name in inner}
    for level in range(1, pointers):
        kind = "" if constant[level] else "Mutable"
        types = {f"Unsafe{kind}Pointer<{name}>?" for name in types}
    return types


def _callback_types(callback: Function, header: Header) -> set[str]:
    """All spellings of a callback: one for each combination of its parameters' and result's."""
    heads = [""]
    for parameter in callback.parameters:
        options = swift_types(parameter, header)
        heads = [f"{head},{option}" for head in heads for option in options]
    results = _results(callback.result, header)
    return {f"(@convention(c)({h[1:]})->{r})?" for h in heads for r in results}


def _results(c_type: str, header: Header) -> set[str]:
    """A pointer that we give may also be one that is never nil."""
    types = swift_types(c_type, header)
    return types | {name.removesuffix("?") for name in types}


def swift_functions(text: str) -> dict[str, Function]:
    """Every function with @_cdecl (or @c) in Swift source, its types with aliases expanded."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    aliases = {
        m[1]: m[2].strip() for m in re.finditer(r"\btypealias\s+(\w+)\s*=\s*([^\n{}]+)", text)
    }
    found = {}
    head = r'@(?:_cdecl|c)\(\s*"?(\w+)"?\s*\)\s*(?:@\w+\s+)*(?:\w+\s+)*?func\s+\w+\s*\('
    for m in re.finditer(head, text):
        end = _closing(text, m.end())
        result = re.match(r"\s*->\s*([^{]+)\{", text[end:])
        labelled = split_top(text[m.end() : end - 1])
        types = [_expand(part.split(":", 1)[1], aliases) for part in labelled]
        found[m[1]] = Function(m[1], _expand(result[1], aliases) if result else "Void", types)
    return found


def _closing(text: str, start: int) -> int:
    """The index after the bracket that closes the one before `start`."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[start], 0)
        start += 1
    return start


def _expand(text: str, aliases: dict[str, str]) -> str:
    for _ in range(8):  # an alias of an alias of ...
        widened = re.sub(r"\w+", lambda m: f"({aliases[m[0]]})" if m[0] in aliases else m[0], text)
        if widened == text:
            break
        text = widened
    text = re.sub(r"@Sendable|@escaping|\s+", "", text)
    # Brackets that aliases brought around a plain type are none of ours.
    while (bare := re.sub(r"(?<![\w)])\(([\w<>?]+)\)", r"\1", text)) != text:
        text = bare
    return re.sub(r"\(\((@convention.*)\)\)\?", r"(\1)?", text)


def mismatch(c: Function, swift: Function, header: Header) -> str | None:
    """How the Swift function differs from its prototype, in one line; None when it does not."""
    if len(c.parameters) != len(swift.parameters):
        return f"{c.name}: C has {len(c.parameters)} parameters, Swift {len(swift.parameters)}"
    for index, (here, there) in enumerate(zip(c.parameters, swift.parameters, strict=True)):
        if there not in swift_types(here, header):
            return f"{c.name}: parameter {index} is {here} in C, {there} in Swift"
    if swift.result not in _results(c.result, header):
        return f"{c.name}: the result is {c.result} in C, {swift.result} in Swift"
    return None
