"""Mutants: for every small mistake that mutmut knows how to make, the text of the file with it.

mutmut makes the changes; whether one is noticed is asked elsewhere. Its own runner puts all mutants of a
function into one module, behind a switch. That would add a call to every op, which the clauses on cost count,
and it leaves decorated functions alone, which is every property and `no_grad`. Here each mutant is a file of
its own, so nothing but the mistake is different and a decorator is no obstacle.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

SET_ASIDE = "#decorator# "
"""mutmut doesn't look into a decorated function, so while it looks, decorators are comments."""


@dataclass(frozen=True)
class Change:
    """What is different in a mutant: its name, which lasts as long as these lines do.

    Attributes:
        place: The function or method, such as `tensor.Tensor.item`, or the module.
        removed: The lines that are gone, without their indentation.
        added: The lines that have come.
        occurrence: Which one it is, from 1, of those that are alike in one place.
    """

    place: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    occurrence: int = 1

    def __str__(self) -> str:
        """The change as a list of survivors has it."""
        head = self.place if self.occurrence == 1 else f"{self.place} #{self.occurrence}"
        return "\n".join(
            [head, *(f"- {line}" for line in self.removed), *(f"+ {line}" for line in self.added)]
        )


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        change: What is different.
        module: The full name of the module it is in.
        text: The text of that module.
        line: The number of the first line, in the right text, that is different.
    """

    change: Change
    module: str
    text: str
    line: int


Wanted = Callable[[str], bool]
"""Whether mutants of a place are asked for; to make one takes a while."""


def mutants_of(path: Path, module: str, place: str, wanted: Wanted) -> Iterator[Mutant]:
    """Every mutant of a file, in the places that are wanted.

    Args:
        path: The file.
        module: The full name of its module.
        place: What to call the module in the names of the changes.
        wanted: Which places.
    """
    # Imported here: the tests of what follows do without mutmut.
    from mutmut.mutation.file_mutation import create_mutations

    text = path.read_text(encoding="utf-8")
    tree, mutations, _, _ = create_mutations(str(path), _decorators_set_aside(text))
    lines = text.splitlines()
    names = _names(tree)
    ignored = _not_code(ast.parse(text))
    seen: Counter[tuple[str, tuple[str, ...], tuple[str, ...]]] = Counter()
    for mutation in mutations:
        inside = names.get(mutation.contained_by_top_level_function, "")
        where = f"{place}.{inside}" if inside else place
        if not wanted(where):
            continue
        changed = tree.deep_replace(mutation.original_node, mutation.mutated_node).code
        changed = re.sub(rf"(?m)^(\s*){SET_ASIDE}", r"\1", changed)
        if not _is_program(changed):
            continue
        line, removed, added = _difference(lines, changed.splitlines())
        if line in ignored:
            continue
        seen[where, removed, added] += 1
        change = Change(where, removed, added, seen[where, removed, added])
        yield Mutant(change, module, changed, line)


def _decorators_set_aside(text: str) -> str:
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        for decorator in getattr(node, "decorator_list", ()):
            for number in range(decorator.lineno - 1, decorator.end_lineno):
                lines[number] = re.sub(r"^(\s*)", rf"\1{SET_ASIDE}", lines[number], count=1)
    return "".join(lines)


def _is_program(text: str) -> bool:
    """Whether Python takes it: a `break` that became a `return` may stand where none can."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(old: list[str], new: list[str]) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """The first line that is different, and the lines that went and came."""
    first, last = 0, 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    gone, come = old[first : len(old) - last], new[first : len(new) - last]
    removed, added = [], []
    for kind, a, b, c, d in SequenceMatcher(None, gone, come, autojunk=False).get_opcodes():
        if kind != "equal":
            removed += [line.strip() for line in gone[a:b]]
            added += [line.strip() for line in come[c:d]]
    return first + 1, tuple(removed), tuple(added)


def _names(tree: Any) -> dict[Any, str]:
    """What to call the functions of a module, and whatever stands in the body of its classes."""
    import libcst as cst

    names: dict[Any, str] = {}
    for node in tree.body:
        if isinstance(node, cst.FunctionDef):
            names[node] = node.name.value
        elif isinstance(node, cst.ClassDef):
            for member in node.body.body:
                function = isinstance(member, cst.FunctionDef)
                names[member] = f"{node.name.value}.{member.name.value}" if function else node.name.value
    return names


def _not_code(tree: ast.Module) -> set[int]:
    """The lines of `__all__` and `__slots__`, and of what only type checkers read."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else ()
        named = {target.id for target in targets if isinstance(target, ast.Name)}
        checker = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if named & {"__all__", "__slots__", "__version__"} or checker:
            assert isinstance(node, ast.stmt)
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines
