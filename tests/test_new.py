"""`dlspec new`: what it writes has named blanks, and passes the smoke test once they are filled in."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlspec.catalogue import OPS
from dlspec.implementations import SHIPPED, load
from dlspec.implementations.module import NAMED_OPS, TENSOR_OPS
from dlspec.manifest import by_id
from dlspec.runner import new
from dlspec.runner.judge import ask
from dlspec.runner.result import Status
from dlspec.smoke import BrokenAdapter, smoke

TAPE = {
    "# import your framework here": "import deeplearning_framework as dl",
    'name = ""': 'name = "the reference, by hand"',
    "leaf": "return dl.Tensor(array, autograd=True)",
    "numpy": "return value.data",
    "backward": "value.backward(cotangent)",
    "grad": "return leaf.grad",
}
FUNCTIONAL = {
    "# import your framework here": "from autograd.core import make_vjp",
    'name = ""': 'name = "autograd, by hand"',
    "vjp": "pullback, value = make_vjp(lambda xs: f(*xs), primals)\n        return value, pullback",
}


def filled(text: str, blanks: dict[str, str]) -> str:
    """The text with blanks filled in: lines by what they say, verbs by what they raise."""
    for blank, content in blanks.items():
        before = text
        if " " in blank:
            text = text.replace(blank, content)
        else:
            raising = rf"(def {blank}\(self.*?\n        )raise NotImplementedError\([^\n]*\)"
            found = re.search(raising, text, re.DOTALL)
            assert found is not None, f"no blank {blank}"
            text = text[: found.start()] + found[1] + content + text[found.end() :]
        assert text != before, f"no blank {blank}"
    return text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dlspec(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("kind", "blanks"), [("tape", TAPE), ("functional", FUNCTIONAL)])
def test_once_its_blanks_are_filled_it_is_an_adapter(here: Path, kind: str, blanks: dict[str, str]) -> None:
    done = dlspec("new", f"--{kind}", "mine.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "dlspec verify mine.py:Adapter"
    path = here / "mine.py"
    path.write_text(filled(path.read_text(), blanks))

    impl = load("mine.py:Adapter")

    smoke(impl)
    for id in ("ops.multiply.gradient", "ops.add.value", "autodiff.fan_out.both_operands_of_one_op"):
        assert ask(by_id()[id], impl)[0].status is Status.PASS
    assert ask(by_id()["ops.tanh.value"], impl)[0].status is Status.NOT_PROVIDED


@pytest.mark.parametrize(
    ("kind", "blanks", "left", "message"),
    [
        ("tape", TAPE, 'name = ""', "name: the adapter has none"),
        ("tape", TAPE, "leaf", r"leaf\(x\): is still blank: make a tensor that wants a gradient"),
        ("tape", TAPE, "numpy", r"numpy\(leaf\(x\)\): is still blank: give the array behind a tensor"),
        ("tape", TAPE, "backward", r"backward\(leaf, w\): is still blank: send the cotangent back"),
        ("tape", TAPE, "grad", r"grad\(leaf\): is still blank: give the gradient that has arrived"),
        ("functional", FUNCTIONAL, 'name = ""', "name: the adapter has none"),
        ("functional", FUNCTIONAL, "vjp", r"vjp\(f, x\) .*: is still blank: evaluate f at the primals"),
    ],
)
def test_a_blank_that_is_left_is_named(
    here: Path, kind: str, blanks: dict[str, str], left: str, message: str
) -> None:
    text = new.from_template(kind, Path("mine.py"))
    (here / "mine.py").write_text(
        filled(text, {blank: content for blank, content in blanks.items() if blank != left})
    )

    with pytest.raises(BrokenAdapter, match=message):
        smoke(load(str(here / "mine.py") + ":Adapter"))


def test_as_it_is_written_it_is_exit_code_3(here: Path) -> None:
    dlspec("new", "--tape")

    done = dlspec("verify", "adapter.py:Adapter")

    assert done.returncode == 3
    assert (
        done.stderr.strip() == "dlspec: the adapter is broken: name: the adapter has none; reports need one"
    )


@pytest.mark.parametrize("kind", ["tape", "functional"])
def test_every_op_has_its_place(kind: str) -> None:
    text = new.from_template(kind, Path("adapter.py"))

    assert set(re.findall(r'^ +(?:# )?"(\w+)": ', text, re.MULTILINE)) == OPS == {*TENSOR_OPS, *NAMED_OPS}
    compile(text.replace('        # "', '        "'), "adapter.py", "exec")
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("name", sorted(new.EXAMPLES))
def test_a_copy_of_a_shipped_adapter_is_that_adapter(here: Path, name: str) -> None:
    done = dlspec("new", "--like", name, "mine.py")

    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.splitlines()[-1].strip()
        == f"dlspec verify mine.py:{new.EXAMPLES[name].partition(':')[2]}"
    )
    compile((here / "mine.py").read_text(), "mine.py", "exec")
    if name == "autograd":
        smoke(load("mine.py:Autograd"))


def test_nothing_is_written_over(here: Path) -> None:
    (here / "adapter.py").write_text("mine")

    done = dlspec("new", "--tape")

    assert done.returncode == 2
    assert "adapter.py is there already; it is left as it is" in done.stderr
    assert (here / "adapter.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which kind of adapter: --tape, --functional or --like NAME"),
        (("--tape", "--functional"), "say which kind of adapter"),
        (("--tape", "--like", "autograd"), "say which kind of adapter"),
        (("--like", "autogard"), "no adapter is shipped for autogard. Did you mean autograd?"),
        (("--like", "chapter13"), "chapter13 needs no adapter: it has the reference's names. There are"),
        (("--tape", "adapter"), "the name of a Python module is wanted, such as adapter.py"),
        (("--tape", "class.py"), "the name of a Python module is wanted"),
        (("--tape", "no/such/folder/adapter.py"), "can't be written: No such file or directory"),
    ],
)
def test_a_misuse_says_what_is_wrong(here: Path, arguments: tuple[str, ...], message: str) -> None:
    done = dlspec("new", *arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert list(here.iterdir()) == []


def test_the_contract_in_the_templates_is_that_of_the_package() -> None:
    """A verb in a template takes what the spec calls it with."""
    from dlspec.implementation import FunctionalImplementation, TapeImplementation

    for kind, base, verbs in (
        ("tape", TapeImplementation, ("leaf", "numpy", "backward", "grad")),
        ("functional", FunctionalImplementation, ("vjp",)),
    ):
        namespace: dict[str, object] = {}
        exec(compile(new.from_template(kind, Path("adapter.py")), "adapter.py", "exec"), namespace)
        adapter = namespace["Adapter"]
        for verb in verbs:
            wanted = inspect.signature(getattr(base, verb)).parameters
            given = inspect.signature(getattr(adapter, verb)).parameters
            assert list(given) == list(wanted)
    assert set(new.EXAMPLES) < set(SHIPPED)
