"""Plugs: how real implementations answer the spec's questions.

    module.py         any module with the reference's names; nothing to write
    replay.py         the reference's own replays
    dual_numbers.py   forward mode in pure Python, which shares nothing with the reference
    autograd.py       HIPS autograd, and `autograd.toml`, in which it says where it differs
    torch.py          PyTorch, and `torch.toml`, likewise
    jax.py            JAX, op by op, and `jax.toml`
    jax_jit.py        JAX, whole programs compiled, and `jax_jit.toml`
    mygrad.py         MyGrad, and `mygrad.toml`
    micrograd.py      micrograd, lifted to arrays, and `micrograd.toml`
    tinygrad.py       tinygrad on the CPU, and `tinygrad.toml`
    program.py        a program in any language, which answers in JSON lines (wire.py, protocol.schema.json)

Only the modules of this folder import a framework, and only when they are asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import shlex
import shutil
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from dlspec.implementation import Divergence, FunctionalImplementation, Implementation, TapeImplementation
from dlspec.implementations.module import ModuleImplementation


@dataclass(frozen=True)
class Shipped:
    """A target that comes with the spec.

    Attributes:
        place: Where it is: a module, or an adapter in one (`some.module:Adapter`).
        extra: The extra of this distribution that brings what it needs, where NumPy isn't enough.
        program: A command that it calls, and that pip can't bring.
    """

    place: str
    extra: str | None = None
    program: str | None = None


SHIPPED: Mapping[str, Shipped] = {
    "deeplearning_framework": Shipped("deeplearning_framework"),
    "chapter13": Shipped("dlspec.faults.chapter13"),
    "replay": Shipped("dlspec.implementations.replay:Replayed"),
    "dual_numbers": Shipped("dlspec.implementations.dual_numbers:DualNumbers"),
    "autograd": Shipped("dlspec.implementations.autograd:Autograd", extra="autograd"),
    "micrograd": Shipped("dlspec.implementations.micrograd:Micrograd", extra="micrograd"),
    "tinygrad": Shipped("dlspec.implementations.tinygrad:Tinygrad", extra="tinygrad", program="clang"),
    "torch": Shipped("dlspec.implementations.torch:Torch", extra="torch"),
    "jax": Shipped("dlspec.implementations.jax:Jax", extra="jax"),
    "jax_jit": Shipped("dlspec.implementations.jax_jit:JaxJit", extra="jax"),
    "mygrad": Shipped("dlspec.implementations.mygrad:MyGrad", extra="mygrad"),
}
"""What comes with the spec, by the name it answers to: the rows of the conformance matrix, in their order."""


PLANTED = ("fault", "variant", "random-fault")
"""Kinds of changes to the reference, by the word that a target begins with."""

PROGRAM = "cmd"
"""The word that a target begins with which is a program in any language."""


class Clock:
    """How long the answers of a program are waited for.

    Attributes:
        seconds: The time limit of a clause.
        until: When that of the present one is over, by the monotonic clock.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        """Start it."""
        self.seconds = seconds
        self.start()

    def start(self) -> None:
        """Begin anew."""
        self.until = time.monotonic() + self.seconds


class TargetError(Exception):
    """The target of `dlspec verify` can't be used; `__cause__` is what its own code raised, if it did.

    Args:
        message: Why not.
        details: What it said of it itself, where that is no exception.
    """

    def __init__(self, message: str, details: str = "") -> None:
        """Keep both."""
        super().__init__(message)
        self.details = details


def load(target: str, clock: Clock | None = None) -> Implementation:
    """The implementation that a target names.

    Args:
        target: The name of a shipped adapter (`autograd`), a module (`some.package`) or file
            (`path/to/homework.py`) with the reference's names, or an adapter class in either
            (`some.module:Adapter`, `adapter.py:Adapter`), or the reference with a change made to it
            (`fault:some_id`, `variant:some_id`, `random-fault:17`), or a program that speaks the protocol
            for other languages (`cmd:./program`, `cmd:node program.js`).
        clock: How long the answers of such a program are waited for; by default as long as it takes.

    Raises:
        TargetError: It doesn't exist, doesn't import, or has none of the names.
        BrokenAdapter: It is a program that breaks the protocol.
    """
    kind, _, id = target.partition(":")
    if kind in PLANTED:
        return _planted(kind, id)
    if kind == PROGRAM:
        return _program(id, clock)
    shipped = SHIPPED.get(target, Shipped(target))
    place, _, name = shipped.place.rpartition(":")
    if place and not name:
        raise TargetError(f"{target} names no adapter after the colon")
    if not place or (len(place) == 1 and name[:1] in "/\\"):  # a drive letter is no module
        place, name = shipped.place, ""
    module = _module(place) if shipped.place == target else _shipped(target, shipped, place)
    if name:
        return _adapter(module, name, target)
    implementation = ModuleImplementation(module, target if target in SHIPPED else None)
    if not implementation.claims:
        raise TargetError(_without_names(module, target))
    return implementation


def _without_names(module: ModuleType, target: str) -> str:
    """What to do about a module that has none of the reference's names."""
    if adapters := _adapters_of(module):
        return f"{target} has an adapter: name it as {' or '.join(f'{target}:{key}' for key in adapters)}"
    bare = hasattr(module, "__path__") and getattr(module, "__file__", None) is None
    folder = " It is a folder without an __init__.py, which would gather them." if bare else ""
    return (
        f"{target} has none of the reference's names, such as Tensor, Linear or SGD.{folder} "
        "If it has an API of its own, write an adapter (`dlspec new`) and name it as "
        "`adapter.py:Adapter`: a subclass of TapeImplementation or FunctionalImplementation"
    )


def _adapters_of(module: ModuleType) -> list[str]:
    """The names of a module's adapters; the classes to derive one from are none."""
    to_derive_from = (Implementation, TapeImplementation, FunctionalImplementation)
    return [key for key, value in vars(module).items() if _is_adapter(value) and value not in to_derive_from]


def _program(command: str, clock: Clock | None) -> Implementation:
    # Imported here: only a program in another language needs it.
    from dlspec.failure import Garbled
    from dlspec.implementations.program import ProgramImplementation
    from dlspec.smoke import BrokenAdapter

    try:
        return ProgramImplementation(command, clock)
    except Garbled as garbled:
        raise BrokenAdapter(str(garbled)) from None


def _planted(kind: str, id: str) -> Implementation:
    """The reference with a change made to it, which is to have all the claims of the reference."""
    # Imported here: who verifies a framework of their own needs none of it.
    from dlspec.faults import FaultError, faults, random_faults, reference, variants
    from dlspec.faults.diff import DiffError
    from dlspec.manifest import PROFILES

    if kind == "random-fault" and not id.isdecimal():
        raise TargetError(f"{kind}:{id}: random faults have numbers, such as {kind}:17")
    try:
        if kind == "random-fault":
            return random_faults.implementation(int(id))
        known = faults() if kind == "fault" else variants()
        if id not in known:
            near = get_close_matches(id, known, 1)
            raise TargetError(f"there is no {kind} {id}." + (f" Did you mean {near[0]}?" if near else ""))
        change = known[id]
        module = reference.changed(change.hunks, f"{kind}:{id}")
    except (FaultError, DiffError, ValueError) as error:
        raise TargetError(f"{kind}:{id} can't be used: {error}") from error
    except TargetError:
        raise
    except Exception as error:
        raise TargetError(f"importing {kind}:{id} failed") from error
    implementation = ModuleImplementation(module, f"{kind}:{id}")
    implementation.claims = change.claims or tuple(PROFILES)
    implementation.dtypes = change.dtypes or ("float64", "float32")
    return implementation


def _shipped(target: str, shipped: Shipped, place: str) -> ModuleType:
    """The module of a target that comes with the spec; what it needs may not have been installed with it."""
    if Path(f"{target}.py").exists():
        raise TargetError(
            f"{target} comes with the spec, and there is a {target}.py here too: "
            f"say ./{target}.py for the file, or go elsewhere for the other"
        )
    if shipped.program is not None and shutil.which(shipped.program) is None:
        raise TargetError(
            f"{target} calls {shipped.program}, which is not installed: on Debian and the like, "
            f"apt-get install {shipped.program}"
        )
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if shipped.extra is None or error.name is None:
            raise TargetError(f"importing {target} failed") from error
        package = error.name.partition(".")[0]
        raise TargetError(
            f'{package} is not installed: pip install "deeplearning-framework[{shipped.extra}]"'
        ) from None
    except Exception as error:
        raise TargetError(f"importing {target} failed") from error


def _module(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" or "/" in place or "\\" in place:
        if not path.exists():
            raise TargetError(f"there is no file {place}")
        if path.is_dir():
            path = path.resolve()
            return _imported(path.name or place, path.parent)
        if path.suffix != ".py":
            raise _no_python(path)
        return _file(path.resolve())
    if path.suffix and path.is_file():
        raise _no_python(path)
    return _imported(place, Path.cwd())


def _no_python(path: Path) -> TargetError:
    """A file that can't be imported may be a program."""
    here = path.as_posix() if "/" in path.as_posix() else f"./{path}"
    command = shlex.quote(f"node {shlex.quote(str(path))}") if path.suffix == ".js" else shlex.quote(here)
    return TargetError(
        f"{path} is no Python file: the name of one ends in .py. Is it a program? cmd:{command}"
    )


def _imported(name: str, folder: Path) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"{name!r} is neither the name of a module nor a file that ends in .py")
    with _first_on_path(folder):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
                near = get_close_matches(name, SHIPPED, 1)
                hint = f" Did you mean {near[0]}?" if near else ""
                if (folder / name).is_file():
                    hint = f" There is a file of that name. Is it a program? cmd:./{name}"
                if name in SHIPPED:
                    hint = f" The adapter that ships is called {name}, without a colon."
                raise TargetError(
                    f"no module is named {name}, here or among the installed packages.{hint}"
                ) from None
            raise TargetError(f"importing {name} failed") from error
        except BaseException as error:  # SystemExit at import is the target's failure, not ours
            raise TargetError(f"importing {name} failed") from error


def _file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, as an import would: dataclasses and pickle look their module up.
    sys.modules.setdefault(path.stem, module)
    with _first_on_path(path.parent):
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            raise TargetError(f"importing {path.name} failed") from error
    return module


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    """Import as a script in that folder would; afterwards the folder comes last.

    A `random.py` that lies there must not take the place of the standard library's for the rest of the run.
    """
    place = str(folder)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        sys.path.append(place)


def _adapter(module: ModuleType, name: str, target: str) -> Implementation:
    made = getattr(module, name, None)
    if made is None:
        adapters = _adapters_of(module)
        near = f" It has {', '.join(adapters)}." if adapters else ""
        raise TargetError(f"{module.__name__} has no {name}.{near}")
    if not _is_adapter(made):
        raise TargetError(
            f"{target} is no adapter: a subclass of TapeImplementation or FunctionalImplementation is wanted"
        )
    try:
        implementation: Implementation = made()
    except Exception as error:
        missing = getattr(made, "__abstractmethods__", ())
        detail = f": it lacks {', '.join(sorted(missing))}" if missing else ""
        raise TargetError(f"{target} can't be made{detail}") from error
    beside = Path(inspect.getfile(made)).with_suffix(".toml")
    if beside.exists() and not implementation.divergences:
        implementation.divergences = read_divergences(beside)
    return implementation


def _is_adapter(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Implementation)


def read_divergences(path: Path) -> tuple[Divergence, ...]:
    """The divergences that a TOML file declares: tables `[[divergence]]` of id, category, reason and link.

    Raises:
        TargetError: The file isn't TOML, or a table has a key too many or too few.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"{path.name} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"{path.name} can't be read: {error}") from error
    if extra := tables.keys() - {"divergence"}:
        name = sorted(extra)[0]
        near = _near(name, ("divergence",))
        raise TargetError(f"{path.name}: unknown table {name!r}; only [[divergence]] is known.{near}")
    declared = tables.get("divergence", [])
    if not isinstance(declared, list) or not all(isinstance(table, dict) for table in declared):
        raise TargetError(f"{path.name}: divergence is no list of tables; each is headed [[divergence]]")
    found = []
    for number, table in enumerate(declared, start=1):
        if extra := table.keys() - {"id", "category", "reason", "link"}:
            key = sorted(extra)[0]
            near = _near(key, ("id", "category", "reason", "link"))
            raise TargetError(f"{path.name}: divergence {number} has an unknown key {key!r}.{near}")
        if missing := {"id", "category", "reason"} - table.keys():
            raise TargetError(f"{path.name}: divergence {number} lacks {sorted(missing)[0]!r}")
        found.append(Divergence(table["id"], table["category"], table["reason"], table.get("link")))
    return tuple(found)


def _near(word: str, options: Iterable[str]) -> str:
    """A sentence with what was probably meant, led by a space; empty where nothing is near."""
    near = get_close_matches(word, list(options), 1)
    return f" Did you mean {near[0]}?" if near else ""
