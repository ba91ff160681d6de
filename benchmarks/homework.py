"""A class of synthetic homework: how `dlspec grade` comes through it, and how long that takes.

    python benchmarks/homework.py                      # 200 submissions, graded, and a table
    python benchmarks/homework.py --make FOLDER        # only written

Some are right, some have one of the book's defects planted in them, and some misbehave. It is known of each
what must come of it, and everything is compared with that. The same seed gives the same class.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOMEWORK = Path(__file__).parents[1] / "tests" / "homework"

OPS = ("add", "multiply", "tanh", "sum", "mm", "expand", "index_select", "softmax", "cross_entropy")
EXAM = (
    # Of the laws those that need no op beyond these; the one that does begins with `views`.
    *(pattern for op in OPS for pattern in (f"ops.{op}.[!v]*", f"ops.{op}.va*")),
    *("autodiff.constants.*", "autodiff.fan_out.*", "autodiff.order.*"),
    *("objects.backward.*", "objects.freed_graphs.*", "objects.gradient_types.*"),
    *("losses.cross_entropy.*", "numerics.cross_entropy.*", "numerics.tanh.*"),
    "errors.targets.*",
)
"""What the homework was: everything in it that `right.py` has."""

DEFECTS = (
    "fan_out_by_operand_order",
    "constants_cut_the_graph",
    "cross_entropy_ignores_upstream",
    "cross_entropy_ignores_the_batch",
    "sum_puts_negative_dims_one_early",
    "expand_puts_negative_dims_one_early",
    "results_remember_their_gradient",
    "softmax_is_naive",
    "negative_targets_wrap",
)

FULL = 100.0


@dataclass(frozen=True)
class Kind:
    """A way of behaving, and what must come of it.

    Attributes:
        does: What it does, in a few words.
        status: The status that it must have.
        score: The least and the greatest score that it may have.
        before: Code that runs before the homework, at import.
        after: Code that runs after it.
        note: What the note must contain.
    """

    does: str
    status: str = "graded"
    score: tuple[float, float] = (FULL, FULL)
    before: str = ""
    after: str = ""
    note: str = ""


def in_tanh(code: str) -> str:
    """Code that runs whenever `tanh` is asked for."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    method = f"def _misbehaving(self):\n{lines}\n    return _tanh(self)\n"
    return f"\n\n_tanh = Tensor.tanh\n\n{method}\nTensor.tanh = _misbehaving\n"


SOME = (50.0, FULL - 0.01)
NOTHING = (0.0, 0.0)

TENTHS_OF_A_GIGABYTE = "blocks = []\nwhile True:\n    blocks.append(bytearray(100_000_000))\n"

FORGE = """
import json, os, pathlib, sys

for word in pathlib.Path("/proc/self/cmdline").read_bytes().split(b"\\0"):
    if word.endswith(b".json"):
        job = json.loads(pathlib.Path(os.fsdecode(word)).read_bytes())
        with open(job["journal"], "a") as journal:
            for id in job["ids"]:
                result = {"id": id, "status": "pass", "seconds": 0.0, "message": None, "failure": None}
                journal.write(json.dumps({"event": "begin", "id": id}) + "\\n")
                journal.write(json.dumps({"event": "result", **result}) + "\\n")
"""

LOOK_UP = """
import json, pathlib
import dlspec

def _frozen(value):
    if isinstance(value, list):
        return [_frozen(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "dtype" in value:
        numbers = [float.fromhex(n) if isinstance(n, str) else n for n in value["data"]]
        return np.array(numbers, dtype=value["dtype"]).reshape(value["shape"])
    if "tuple" in value:
        return [_frozen(item) for item in value["tuple"]]
    return {key: _frozen(item) for key, item in value.get("dict", {}).items()}

_known = [
    _frozen(case)
    for path in (pathlib.Path(dlspec.__file__).parent / "cases" / "ops").glob("tanh*.json")
    for case in json.loads(path.read_text())["cases"]
]

def _copied(self):
    x = self.data
    for case in _known:
        operand, bar = case["operands"][0], case["cotangents"][0]
        if operand.shape == x.shape and np.array_equal(operand.astype(x.dtype), x):
            # The answer to this cotangent alone; any other was asked of the same case, and is a multiple.
            slope = bar / np.where(case["cotangent"] == 0, 1, case["cotangent"])
            return result(case["value"].astype(x.dtype), (self,), lambda bar: (bar * slope,))
    return result(x * 0, (self,), lambda bar: (bar * 0,))

Tensor.tanh = _copied
"""

KINDS: dict[str, Kind] = {
    "right": Kind("is right"),
    **{f"defect {name}": Kind(f"has the defect {name}", score=(20.0, FULL - 0.01)) for name in DEFECTS},
    "syntax error": Kind(
        "has a syntax error", "unloadable", score=NOTHING, before="def (:\n", note="syntax error in line"
    ),
    "raises": Kind(
        "raises at import", "unloadable", score=NOTHING, after="1 / 0\n", note="ZeroDivisionError"
    ),
    "hangs at import": Kind(
        "loops forever at import",
        "unloadable",
        score=NOTHING,
        before="while True: pass\n",
        note="took longer than",
    ),
    "hangs": Kind("loops forever in an op", score=SOME, after=in_tanh("while True: pass")),
    "sys.exit at import": Kind(
        "calls sys.exit at import",
        "unloadable",
        score=NOTHING,
        after="import sys; sys.exit(0)\n",
        note="SystemExit",
    ),
    "sys.exit": Kind("calls sys.exit in an op", score=SOME, after=in_tanh("import sys; sys.exit(0)")),
    "os._exit at import": Kind(
        "calls os._exit at import",
        "unloadable",
        score=NOTHING,
        before="import os; os._exit(0)\n",
        note="exit code 0",
    ),
    "os._exit": Kind("calls os._exit in an op", score=SOME, after=in_tanh("import os; os._exit(0)")),
    "segfault": Kind("dereferences 0", score=SOME, after=in_tanh("import ctypes; ctypes.string_at(0)")),
    "recursion": Kind("recurses without an end", score=SOME, after=in_tanh("return self.tanh()")),
    "deletes numpy.array": Kind(
        "deletes numpy.array", "tampered", score=NOTHING, after="del np.array\n", note="deleted numpy.array"
    ),
    "patches numpy.testing": Kind(
        "replaces numpy.testing.assert_allclose",
        "tampered",
        score=NOTHING,
        after="import numpy.testing\nnumpy.testing.assert_allclose = lambda *a, **k: None\n",
        note="replaced numpy.testing.assert_allclose",
    ),
    "patches dlspec": Kind(
        "has every clause pass",
        "tampered",
        score=NOTHING,
        after=in_tanh("import dlspec.clause\ndlspec.clause.Clause.check = lambda *a, **k: None"),
        note="changed dlspec.clause.Clause.check",
    ),
    "patches code": Kind(
        "changes the code of a comparison",
        "tampered",
        score=NOTHING,
        after="import dlspec.tolerance as t\nt.assert_within.__code__ = (lambda *a, **k: None).__code__\n",
        note="changed dlspec.tolerance.assert_within",
    ),
    "forges": Kind(
        "writes passes into the journal",
        "tampered",
        score=NOTHING,
        after=FORGE,
        note="wrote into the journal",
    ),
    "reads the network": Kind(
        "asks the network",
        after="import urllib.request\ntry:\n    urllib.request.urlopen('http://192.0.2.1/', timeout=1)\n"
        "except OSError:\n    pass\n",
    ),
    "reads the cases": Kind("looks tanh up in the frozen cases", score=(90.0, FULL), after=LOOK_UP),
    "prints a megabyte": Kind("prints a megabyte in an op", after=in_tanh("print('x' * 1_000_000)")),
    "prints forever": Kind(
        "prints without an end in an op", score=SOME, after=in_tanh("while True: print('x' * 1000)")
    ),
    "forks": Kind(
        "returns from an op in two processes",
        after="forked = []\n" + in_tanh("import os\nif not forked: forked.append(os.fork())"),
    ),
    "fork bomb": Kind(
        "forks without an end",
        "stopped",
        score=NOTHING,
        before="import os\nwhile True: os.fork()\n",
        note="processes were running",
    ),
    "daemon": Kind(
        "leaves a process in a session of its own",
        after="import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(3600)\n    os._exit(0)\n",
    ),
    "fills memory": Kind("fills memory in an op", score=SOME, after=in_tanh(TENTHS_OF_A_GIGABYTE)),
    "fills memory in parts": Kind(
        "fills memory in several processes",
        "stopped",
        # Whatever was answered before it was full counts.
        score=(0.0, FULL - 0.01),
        after="import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        block = b'x' * 400_000_000\n        time.sleep(3600)\n",
        note="memory were in use",
    ),
    "fills the disk": Kind(
        "fills the disk",
        "stopped",
        score=NOTHING,
        before="import itertools\nfor number in itertools.count():\n"
        "    with open(f'{number}', 'wb') as file:\n        file.write(b'x' * 10_000_000)\n",
        note="lay on the disk",
    ),
    "one large file": Kind(
        "writes one file without an end",
        "unloadable",
        score=NOTHING,
        before="with open('large', 'wb') as file:\n    while True: file.write(b'x' * 1_000_000)\n",
        note="File too large",
    ),
    "writes about": Kind(
        "writes into its folder, and the one above",
        after="import pathlib\nfor place in ('.', '..'):\n"
        "    for path in list(pathlib.Path(place).glob('*')):\n"
        "        if path.is_file(): path.write_text('mine')\n",
    ),
    "closes files": Kind("closes all open files", after=in_tanh("import os; os.closerange(0, 1000)")),
    "sleeps": Kind("sleeps an hour in an op", score=SOME, after=in_tanh("import time; time.sleep(3600)")),
}

SLOW = ("hangs at import", "hangs", "prints forever", "sleeps", "os._exit", "segfault", "fills memory")
"""Kinds that cost two time limits, or twenty processes; a class has one of each."""


def code_of(kind: str, right: str, defects: str) -> str:
    """The text of a submission."""
    name = kind.removeprefix("defect ")
    if name != kind:
        return f"{right}\n\n{defects}\n\nimport sys\n{name}(sys.modules[__name__])\n"
    return KINDS[kind].before + right + KINDS[kind].after


def without_future(text: str) -> str:
    """A module's text, to be put behind another's."""
    return text.replace("from __future__ import annotations\n", "")


FIRST = ("Ada", "Blaise", "Carl", "Emmy", "Évariste", "Grace", "Kurt", "Leonhard", "Mary", "Sofia")
LAST = (
    "Byron",
    "Cauchy",
    "Euler",
    "Galois",
    "Gauss",
    "Hopper",
    "Noether",
    "Pascal",
    "Somerville",
    "de l'Hôpital",
)
TROUBLESOME = ("random.py", "numpy.py", "2-layers.py", "class.py", "my homework.py", "wave.py", "__main__.py")


def classroom(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """The names of submissions, as files or folders, and the kind of each.

    Args:
        count: How many; every kind occurs if there are as many.
        seed: What the class depends on.

    Yields:
        Name and kind. A name that ends in a stroke is a package's.
    """
    rng = random.Random(seed)
    kinds = list(KINDS)
    rng.shuffle(kinds)
    kinds = kinds[:count]
    usual = ["right"] * 4 + [kind for kind in KINDS if kind.startswith("defect")] + ["right"]
    rare = [kind for kind in KINDS if kind not in usual and kind not in SLOW]
    while len(kinds) < count:
        kinds.append(rng.choice(usual if rng.random() < 0.75 else rare))
    rng.shuffle(kinds)
    names = [f"{first} {last}-{number}" for number in range(1, 4) for first in FIRST for last in LAST]
    rng.shuffle(names)
    for number, kind in enumerate(kinds):
        if number < len(TROUBLESOME) and number < count // 4:
            yield TROUBLESOME[number], kind
        elif number % 5 == 4:
            yield f"{names[number]}/", kind
        else:
            yield f"{names[number]}.py", kind


def write_all(folder: Path, kinds: dict[str, str]) -> None:
    """Write submissions of these kinds, by name, into a folder."""
    right = without_future((HOMEWORK / "right.py").read_text(encoding="utf-8"))
    defects = without_future((HOMEWORK / "defects.py").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in kinds.items():
        code = f"from __future__ import annotations\n{code_of(kind, right, defects)}"
        place = folder / name
        if name.endswith("/"):
            place.mkdir()
            place /= "__init__.py"
        place.write_text(code, encoding="utf-8")


def command(folder: Path, out: Path, jobs: int, patterns: Sequence[str], *more: str) -> list[str]:
    """The command that grades the class."""
    narrowed = [word for pattern in patterns for word in ("--only", pattern)]
    limits = ["--timeout", "10", "--time", "240", "--memory", "2048", "--disk", "200"]
    start = [sys.executable, "-P", "-m", "dlspec.runner.main", "grade", str(folder), "--out", str(out)]
    return [*start, "--jobs", str(jobs), *narrowed, *limits, *more]


def wrong(made: dict[str, str], results: dict[str, Any]) -> list[str]:
    """Where the results aren't what they must be."""
    rows = {row["name"]: row for row in results["submissions"]}
    found = [f"{name}: no row" for name in made if name not in rows]
    for name, row in rows.items():
        kind = KINDS[made[name]]
        if (
            row["status"] != kind.status
            or not kind.score[0] <= row["score"] <= kind.score[1]
            or kind.note not in row["note"]
        ):
            said = f"{row['status']} {row['score']} {row['note']!r} {row['fix_first']}"
            found.append(f"{name} ({made[name]}): {said}")
    return found


def table(made: dict[str, str], results: dict[str, Any]) -> str:
    """What came of each kind, in Markdown."""
    rows = {row["name"]: row for row in results["submissions"]}
    lines = [
        "| what it does | how many | status | score | seconds | memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    for kind, about in KINDS.items():
        of_kind = [rows[name] for name, its in made.items() if its == kind]
        if not of_kind:
            continue
        scores, seconds, held = (
            sorted(row[key] for row in of_kind) for key in ("score", "seconds", "peak_memory_mb")
        )
        score = f"{scores[0]:.2f}" if scores[0] == scores[-1] else f"{scores[0]:.2f} to {scores[-1]:.2f}"
        middle = len(of_kind) // 2
        what = f"| {about.does} | {len(of_kind)} | {of_kind[0]['status']} | {score} "
        lines.append(f"{what}| {seconds[middle]:.0f} | {held[middle]:.0f} |")
    return "\n".join(lines)


def main() -> int:
    """Make a class, grade it, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="only write the class there")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep class and results there, and resume"
    )
    arguments = parser.parse_args()
    if arguments.make:
        write_all(arguments.make, dict(classroom(arguments.count, arguments.seed)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.keep or Path(temporary)
        made = dict(classroom(arguments.count, arguments.seed))
        if not (place / "class").exists():
            write_all(place / "class", made)
        start = time.perf_counter()
        subprocess.run(command(place / "class", place / "grades", arguments.jobs, EXAM), check=True)
        seconds = time.perf_counter() - start
        results = json.loads((place / "grades" / "results.json").read_text(encoding="utf-8"))
    problems = wrong(made, results)
    told = "\n".join(problems) or "everything came out as it must"
    sys.stdout.write(f"{table(made, results)}\n\n{len(made)} submissions in {seconds:.0f} s\n{told}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
