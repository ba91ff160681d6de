"""What `dlspec verify` can be given, and what it says to anything else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlspec.implementation import TapeImplementation
from dlspec.implementations import SHIPPED, TargetError, load, read_divergences
from dlspec.implementations.dual_numbers import Dual, DualNumbers, index_select
from dlspec.implementations.module import ModuleImplementation
from dlspec.manifest import by_id
from dlspec.smoke import smoke


def test_a_module_claims_what_it_has_names_of(tmp_path: Path) -> None:
    path = tmp_path / "only_a_tensor.py"
    path.write_text(
        "class Tensor:\n    def __init__(self, data): self.data = data\n    def tanh(self): return self\n"
    )

    impl = load(str(path))

    assert isinstance(impl, ModuleImplementation)
    assert impl.claims == ("ops", "numerics", "errors")
    assert set(impl.ops) == {"tanh"}


def test_the_reference_claims_everything() -> None:
    impl = load("deeplearning_framework")

    assert impl.claims == (
        *("ops", "autodiff", "objects", "layers", "losses", "optim"),
        *("training", "numerics", "scale", "errors"),
    )
    assert impl.dtypes == ("float64", "float32")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no/such/homework.py", "there is no file no/such/homework.py"),
        ("deeplearning_framwork", "Did you mean deeplearning_framework?"),
        ("json", "none of the reference's names"),
        ("random-fault:x", "random faults have numbers, such as random-fault:17"),
        ("not a name", "neither the name of a module nor a file"),
        ("dlspec.implementations.dual_numbers:Missing", r"has no Missing\. It has DualNumbers\."),
        ("dlspec.implementations.dual_numbers:", "names no adapter after the colon"),
        ("dlspec.implementations.dual_numbers", "has an adapter: name it as .*dual_numbers:DualNumbers$"),
        ("dlspec.templates", "It is a folder without an __init__.py"),
        ("sys", "none of the reference's names, such as Tensor, Linear or SGD. If it has"),
        ("pyproject.toml", "pyproject.toml is no Python file: the name of one ends in .py"),
        ("./pyproject.toml", r"pyproject.toml is no Python file: .*Is it a program\? cmd:\./pyproject.toml"),
        ("examples/other_languages/small.js", r"program\? cmd:'node examples/other_languages/small.js'"),
        ("LICENSE", r"There is a file of that name\. Is it a program\? cmd:\./LICENSE"),
        ("dual_numbers:Mine", "The adapter that ships is called dual_numbers, without a colon"),
        ("/", "'/' is neither the name of a module nor a file"),
        ("dlspec.implementations.dual_numbers:Dual", "is no adapter"),
    ],
)
def test_a_target_that_cannot_be_used_says_why(
    monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    with pytest.raises(TargetError, match=message):
        load(target)


@pytest.mark.parametrize("line", ["raise RuntimeError('boom')", "import sys; sys.exit(3)", "def broken(:"])
def test_an_import_that_fails_keeps_its_cause(tmp_path: Path, line: str) -> None:
    path = tmp_path / "fails_at_import.py"
    path.write_text(line)

    with pytest.raises(TargetError, match=r"importing fails_at_import\.py failed") as caught:
        load(str(path))

    assert isinstance(caught.value.__cause__, (RuntimeError, SystemExit, SyntaxError))


def test_a_missing_import_of_the_target_is_not_a_missing_target(tmp_path: Path) -> None:
    path = tmp_path / "imports_something.py"
    path.write_text("import a_module_that_is_nowhere")

    with pytest.raises(TargetError, match="failed") as caught:
        load(str(path))

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_the_folder_of_a_target_comes_last_afterwards(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("shadow = True")
    (tmp_path / "neighbour.py").write_text("class Tensor:\n    def tanh(self): ...\n")
    path = tmp_path / "has_a_neighbour.py"
    path.write_text("from neighbour import Tensor")

    load(str(path))

    import colorsys

    assert not hasattr(colorsys, "shadow")
    assert sys.path[-1] == str(tmp_path)
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize("target", [name for name, shipped in SHIPPED.items() if shipped.extra])
def test_what_an_adapter_needs_and_lacks_is_named_with_the_command_that_brings_it(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, extra = SHIPPED[target].place.partition(":")[0], SHIPPED[target].extra
    framework = str(extra)  # an extra is called after the package that it brings
    monkeypatch.setitem(sys.modules, framework, None)
    monkeypatch.delitem(sys.modules, place, raising=False)

    wanted = rf'^{framework} is not installed: pip install "deeplearning-framework\[{extra}\]"$'
    with pytest.raises(TargetError, match=wanted):
        load(target)


def test_a_file_is_not_passed_over_for_what_comes_with_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chapter13.py").write_text("class Tensor:\n    def tanh(self): ...\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TargetError, match=r"say \./chapter13\.py for the file"):
        load("chapter13")
    assert set(load("./chapter13.py").ops) == {"tanh"}


def test_a_missing_verb_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half_an_adapter.py"
    path.write_text(
        "from dlspec.implementation import TapeImplementation\n"
        "class Half(TapeImplementation):\n    name = 'half'\n    def leaf(self, array): ...\n"
    )

    with pytest.raises(TargetError, match="lacks backward, grad, numpy"):
        load(f"{path}:Half")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[divergence]]\nid = 'x'\ncategory = 'c'\n", "lacks 'reason'"),
        ("[[divergence]]\nid = 'x'\ncategory = 'c'\nreason = 'r'\nurl = 'u'\n", "unknown key 'url'"),
        ("[other]\n", "unknown table 'other'"),
        ("[[divergence]\n", "can't be read"),
    ],
)
def test_a_divergence_file_is_read_strictly(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "divergences.toml"
    path.write_text(text)
    with pytest.raises(TargetError, match=message):
        read_divergences(path)


def broken(**attributes: object) -> DualNumbers:
    made: DualNumbers = type("Broken", (DualNumbers,), attributes)()
    return made


def test_frozen_indices_come_in_a_type_that_the_adapter_names() -> None:
    def only_int64(x: Dual, indices: Any) -> Dual:
        if indices.dtype != np.int64:
            raise ValueError(f"indices are {indices.dtype}")
        return index_select(x, indices)

    ops = {**DualNumbers.ops, "index_select": only_int64}
    choosy = broken(ops=ops, index_dtypes=("int64",))

    for law in ("value", "long_arrays"):
        by_id()[f"ops.index_select.{law}"].check(choosy)
        with pytest.raises(ValueError, match="indices are"):
            by_id()[f"ops.index_select.{law}"].check(broken(ops=ops))
    with pytest.raises(ValueError, match="indices are int32"):
        by_id()["ops.index_select.every_integer_type_is_an_index"].check(choosy)


def test_a_tape_in_ten_lines(tmp_path: Path) -> None:
    path = tmp_path / "adapter_for_reference.py"
    path.write_text(
        "import operator\n"
        "import deeplearning_framework as dl\n"
        "from dlspec.implementation import TapeImplementation\n"
        "class Adapter(TapeImplementation):\n"
        "    name, claims = 'the reference by hand', ('autodiff',)\n"
        "    ops = {'add': operator.add, 'multiply': operator.mul, 'tanh': dl.Tensor.tanh}\n"
        "    def leaf(self, array): return dl.Tensor(array, autograd=True)\n"
        "    def numpy(self, value): return value.data\n"
        "    def grad(self, leaf): return leaf.grad\n"
        "    def backward(self, value, cotangent=None, *, retain_graph=False): value.backward(cotangent)\n"
    )
    impl = load(f"{path}:Adapter")

    smoke(impl)

    assert isinstance(impl, TapeImplementation)
    value, (bar,) = impl.gradients(lambda F, x: F.multiply(x, x), np.array([3.0, -2.0]))
    assert value.tolist() == [9.0, 4.0]
    assert bar is not None
    assert bar.tolist() == [6.0, -4.0]
