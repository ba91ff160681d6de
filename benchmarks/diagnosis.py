"""How well failures are explained: how few remain of one mistake, and how often the likely one is right.

    python -m benchmarks.diagnosis --kept answers.jsonl     # an hour; what is kept there isn't asked again
    python -m benchmarks.diagnosis --page                   # the page, from what was found last

Everybody is asked all clauses but those of `scale`, which take most of the time: a random sample of the
planted faults, the homework of the tests with common mistakes and with the book's defects in it, random
faults, and the correct variants that miss a recommendation.
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tests.homework import defects
from tests.homework.mistakes import MISTAKES

from dlspec import SPEC_VERSION, manifest
from dlspec.faults import answers, diagnosis, exam, faults, random_faults, reach, reference, variants
from dlspec.implementations import load
from dlspec.runner.blocking import collapse
from dlspec.runner.result import Result, Status

HISTORY = Path(__file__).parent / "history" / "diagnosis.json"
PAGE = Path(__file__).parent.parent / "docs" / "diagnosis.md"
RIGHT = Path(__file__).parent.parent / "tests" / "homework" / "right.py"

SAMPLE = 150
RANDOM = 40
FIRST_RANDOM = 2_000_000
"""The number of the first random fault, which no clause and no fault was written for."""

SEED = 4

SAME_DEFECTS: Mapping[str, tuple[str, ...]] = {
    "constants_cut_the_graph": ("constants_cut_the_graph", "an_operand_among_constants_is_cut_off"),
    "cross_entropy_ignores_upstream": ("cross_entropy_ignores_what_arrives",),
    "cross_entropy_ignores_the_batch": ("cross_entropy_gradient_is_not_divided",),
    "expand_puts_negative_dims_one_early": ("expand_negative_dim_one_early",),
    "sum_puts_negative_dims_one_early": ("sum_pulls_back_along_another_dim",),
    "softmax_is_naive": ("softmax_without_a_shift", "cross_entropy_without_a_shift"),
    "negative_targets_wrap": ("negative_targets_wrap_around", "a_negative_class_is_the_last"),
    "gradients_are_shared": ("gradients_grow_in_shared_arrays", "gradients_of_a_sum_are_one_array"),
    "results_remember_their_gradient": ("a_retained_graph_does_not_forget",),
}
"""The planted faults that each of the book's defects is; those that aren't here are none of them."""

_HERE = """

class _Here:
    def __getattr__(self, name): return globals()[name]
    def __setattr__(self, name, value): globals()[name] = value


{defect}(_Here())
"""


def sample() -> list[str]:
    """The planted faults that are asked: those of the last time, so that figures can be compared."""
    if HISTORY.exists():
        before = [fault["id"] for fault in json.loads(HISTORY.read_text(encoding="utf-8"))["planted"]]
        return [id for id in before if id in faults()]
    ids = list(faults())
    random.Random(SEED).shuffle(ids)
    return ids[:SAMPLE]


def book() -> list[str]:
    """The names of the book's defects."""
    return [name for name, value in vars(defects).items() if inspect.isfunction(value) and name[0] != "_"]


def homework(folder: Path) -> dict[str, Path]:
    """Files with a mistake each, in the homework that is right; by what is called their name here."""
    right, found = RIGHT.read_text(encoding="utf-8"), {}
    texts = {f"mistake:{mistake.name}": mistake.planted_in(right) for mistake in MISTAKES}
    source = inspect.getsource(defects).replace("from __future__ import annotations", "")
    texts |= {f"defect:{name}": right + source + _HERE.format(defect=name) for name in book()}
    for number, (name, text) in enumerate(texts.items()):
        found[name] = folder / f"homework_{number}.py"
        found[name].write_text(text, encoding="utf-8")
    return found


def questions(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """For each name the target, and the clauses that can notice anything about it."""
    ids = [clause.id for clause in manifest.clauses() if clause.profile != "scale"]
    run = reach.functions_run(load(reference.PACKAGE), [manifest.by_id()[id] for id in ids])
    asked = {name: (str(path), ids) for name, path in homework(folder).items()}
    for id in sample():
        asked[f"fault:{id}"] = (f"fault:{id}", reach.noticed_by(faults()[id].hunks, run))
    for number in range(FIRST_RANDOM, FIRST_RANDOM + RANDOM):
        rule = random_faults.fault(number).rule
        places = {f"primitives.{rule}", f"primitives.{rule}_vjp"}
        name = f"random-fault:{number}"
        asked[name] = (name, [id for id, seen in run.items() if seen & places])
    for id, change in variants().items():
        if change.misses:
            # Everything else they pass; `dlspec variants` sees to that.
            asked[f"variant:{id}"] = (f"variant:{id}", list(change.misses))
    return asked


def ask(kept: Path, jobs: int) -> None:
    """Ask everybody who isn't in the file, a line for each."""
    done = {row["target"] for row in _rows(kept)} if kept.exists() else set()
    with tempfile.TemporaryDirectory() as folder:
        asked = {name: pair for name, pair in questions(Path(folder)).items() if name not in done}
        names = {target: name for name, (target, _) in asked.items()}
        for sitting in exam.sit(dict(asked.values()), jobs=jobs):
            if sitting.broken is not None:
                raise RuntimeError(f"{names[sitting.target]} can't be asked: {sitting.broken}")
            row = {
                "target": names[sitting.target],
                "claims": sorted({id.partition(".")[0] for id in sitting.results}),
                "dtypes": sitting.dtypes,
                "results": [r.to_json() for r in sitting.results.values() if r.status is not Status.PASS],
            }
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def _rows(kept: Path) -> Iterator[dict[str, Any]]:
    for line in kept.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def measure(kept: Path) -> dict[str, Any]:
    """The figures, from what everybody answered."""
    rows = {row["target"]: row for row in _rows(kept)}
    table = answers.read()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"dlspec": SPEC_VERSION, "numpy": np.__version__},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "faults": len(faults()),
        "table": {
            "faults": len(table),
            "answers": sum(len(row.answers) for row in table.values()),
            "bytes": answers.TABLE.stat().st_size,
        },
        "planted": [_planted(id, rows[f"fault:{id}"], table) for id in sample()],
        "mistakes": [
            _other(rows[f"mistake:{mistake.name}"], sorted(mistake.same), table) for mistake in MISTAKES
        ],
        "defects": [
            _other(rows[f"defect:{name}"], list(SAME_DEFECTS.get(name, ())), table) for name in book()
        ],
        "random": [
            {"says": str(random_faults.fault(number)), **_other(rows[f"random-fault:{number}"], [], table)}
            for number in range(FIRST_RANDOM, FIRST_RANDOM + RANDOM)
        ],
        "variants": [
            _other(rows[f"variant:{id}"], [], table) for id, change in variants().items() if change.misses
        ],
    }


def _results(row: Mapping[str, Any]) -> dict[str, Result]:
    """What came of every clause; those that can't notice the change pass, and weren't asked."""
    given = {stored["id"]: Result.from_json(stored) for stored in row["results"]}
    claims = manifest.PROFILES if row["target"].startswith(("fault:", "variant:")) else row["claims"]
    return {
        clause.id: given.get(clause.id, Result(clause.id, Status.PASS))
        for clause in manifest.clauses()
        if clause.profile in claims and clause.profile != "scale"
    }


def _named(row: Mapping[str, Any], table: Mapping[str, answers.Known]) -> list[str]:
    """The likely mistake that explains most failures: one fault, or two; none where none is named."""
    found = diagnosis.diagnose(_results(row), (), row["dtypes"], table)
    most = Counter(found.values()).most_common(1)
    return list(most[0][0].faults) if most else []


def _planted(id: str, row: Mapping[str, Any], table: Mapping[str, answers.Known]) -> dict[str, Any]:
    results = _results(row)
    clauses = manifest.clauses()
    final = {c.id: results[c.id].status if c.id in results else Status.NOT_RUN for c in clauses}
    found = collapse(clauses, final, manifest.rests_on())
    wrong = [c for c in results if results[c].status in answers.WRONG]
    return {
        "id": id,
        "failed": len(wrong),
        "remain": [c for c in wrong if c not in found.blocked_by],
        "named": _named(row, table),
        "named_without_it": _named(row, {key: value for key, value in table.items() if key != id}),
    }


def _other(row: Mapping[str, Any], same: Sequence[str], table: Mapping[str, answers.Known]) -> dict[str, Any]:
    failed = sum(result.status in answers.WRONG for result in _results(row).values())
    return {"name": row["target"], "failed": failed, "same": list(same), "named": _named(row, table)}


# The page.


def page(found: Mapping[str, Any]) -> str:
    """The page of the site."""
    noticed = [fault for fault in found["planted"] if fault["failed"]]
    before = [fault["failed"] for fault in noticed]
    after = [len(fault["remain"]) for fault in noticed]
    worst = sorted(noticed, key=lambda fault: (-len(fault["remain"]), fault["id"]))[:8]
    unknown = [fault for fault in noticed if fault["named_without_it"]]
    random_named = [fault for fault in found["random"] if fault["named"]]
    return PAGE_TEXT.format(
        sample=len(found["planted"]),
        noticed=len(noticed),
        unnoticed=len(found["planted"]) - len(noticed),
        faults=found["faults"],
        before=_quartiles(before),
        after=_quartiles(after),
        three=_share([n <= 3 for n in after]),
        worst="\n".join(
            f"| `{fault['id']}` | {fault['failed']} | {len(fault['remain'])} |" for fault in worst
        ),
        table_faults=found["table"]["faults"],
        table_answers=found["table"]["answers"],
        table_kilobytes=round(found["table"]["bytes"] / 1000),
        first=_share([fault["named"] == [fault["id"]] for fault in noticed]),
        one_of_two=_share([len(f["named"]) > 1 and f["id"] in f["named"] for f in noticed]),
        nothing=_share([not fault["named"] for fault in noticed]),
        wrong=_share([bool(f["named"]) and f["id"] not in f["named"] for f in noticed]),
        left_out=_share([bool(fault["named_without_it"]) for fault in noticed]),
        left_out_rows="\n".join(
            f"| {_words(fault['id'])} | {', or '.join(map(_words, fault['named_without_it']))} |"
            for fault in sorted(unknown, key=lambda fault: str(fault["id"]))
        ),
        mistakes=_verdicts(found["mistakes"]),
        mistake_rows=_rows_of(found["mistakes"]),
        defects=_verdicts(found["defects"]),
        defect_rows=_rows_of(found["defects"]),
        random=len(found["random"]),
        random_named=len(random_named),
        random_rows="".join(
            f"\n| {fault['says']} | {', or '.join(map(_words, fault['named']))} |" for fault in random_named
        )
        or "\n| | none |",
        variants=len(found["variants"]),
        variants_named=sum(bool(variant["named"]) for variant in found["variants"]),
        date=found["date"],
        versions=f"NumPy {found['versions']['numpy']}, {found['machine']}",
    )


def _quartiles(numbers: Sequence[int]) -> str:
    low, middle, high = statistics.quantiles(numbers, n=4)
    return f"{low:g} | {middle:g} | {high:g} | {max(numbers)}"


def _share(flags: Sequence[bool]) -> str:
    return f"{sum(flags)} of {len(flags)} ({round(100 * sum(flags) / len(flags))} %)"


def _words(id: str) -> str:
    return id.replace("_", " ")


def _outcome(row: Mapping[str, Any]) -> str:
    if not row["named"]:
        return "nothing said"
    return "right" if set(row["named"]) & set(row["same"]) else "wrong"


def _verdicts(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(map(_outcome, rows))
    return f"{counts['right']} right, {counts['wrong']} wrong, {counts['nothing said']} not named"


def _rows_of(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {_words(row['name'].partition(':')[2])} | {row['failed']} "
        f"| {', or '.join(map(_words, row['named']))} | {_outcome(row)} |"
        for row in rows
    )


PAGE_TEXT = """\
# What to fix first, and the likely mistake

One mistake fails many clauses. Two things lead from the failures back to it: what clauses depend on, and
what the planted faults answer.

## What to fix first

A clause declares what it depends on: a law on other laws of its row, a layer on the ops that it is made of,
a clause about training on all of them. Every clause is asked, and afterwards a failure is *blocked* if
something that it depends on failed, too. What remains is to be fixed first. [The
decision](decisions/blocked-afterwards.md) says what blocks and what doesn't.

```
FIX THESE FIRST
  ops.mm.gradient  (unblocks 17)
  autodiff.fan_out.a_value_used_twice_receives_the_sum  (unblocks 3)
```

A report has the same under `fix_first`, and under `blocked_by` for each clause.

How far this goes was measured on {sample} [planted faults](faults/index.md), drawn at random
from the {faults} that there were, with all clauses but those of `scale`, which are slow. {unnoticed} of
them only `scale` notices. Of the {noticed} others,

| | lower quartile | median | upper quartile | most |
|---|--:|--:|--:|--:|
| clauses that fail | {before} |
| of which remain | {after} |

No more than three remain of {three}. The worst:

| fault | clauses that fail | of which remain |
|---|--:|--:|
{worst}

The worst are mistakes that are made everywhere at once, such as an exception of the wrong class, or results
that are always float64. Each place says so, and none of them depends on another.

## The likely mistake

What a planted fault answers is known, and kept in a table: for {table_faults} of them {table_answers} wrong
answers, in {table_kilobytes} kB. A failing result is compared with it:

```
  Likely mistake: mean forgets to divide its gradient
    agrees to 0 ulp in 12 clauses: dlspec explain fault:mean_forgets_to_divide_its_gradient
```

Numbers may differ by 8 ulp, for other code rounds otherwise. Most of what a fault answers has to agree,
also that other clauses pass; a number with many digits says more than a zero, an exception next to nothing.
If three faults would explain the failures equally well nothing is said, and neither where the evidence is
thin. A report has it under `diagnosis`.

### Planted faults

That the table finds what it was made from says no more than that different mistakes look different. On the
sample above, of which the answers to all clauses are known:

| | |
|---|--:|
| the fault itself, alone | {first} |
| it and one other | {one_of_two} |
| nothing said | {nothing} |
| another | {wrong} |

### Mistakes that aren't in the table

With its own row left out of the table, a fault is an unknown mistake, and whatever is named is another one.
That happened for {left_out}:

| the mistake | what was named |
|---|---|
{left_out_rows}

Most of these are the same mistake made elsewhere, such as a row that is looked up and a word that is; some
are not. Of {random} faults made at random (`dlspec random-faults {random} --first 2000000`), none of which is
planted, {random_named} were called something:

| the mistake | what was named |
|---|---|{random_rows}

A run in which nothing fails has no likely mistake. {variants} correct variants miss a recommendation, and
{variants_named} of them were called something: what they do, and are free to do.

### The same mistakes in other code

`tests/homework/right.py` is a small framework that shares no code and no design with the reference. Common
mistakes were planted in it, one at a time, each of which is also among the planted faults:
{mistakes}.

| the mistake | clauses that fail | what was named | |
|---|--:|---|---|
{mistake_rows}

And the worst defects of the framework in chapter 13, planted there for other tests: {defects}. Not
all of them are among the planted faults, and those that are were made in another way.

| the defect | clauses that fail | what was named | |
|---|--:|---|---|
{defect_rows}

## Doing it again

```sh
dlspec faults --answers                                 # the table: most of an hour
python -m benchmarks.diagnosis --kept answers.jsonl     # the figures: an hour
```

Measured on {date} with {versions}. All the data is in
`benchmarks/history/diagnosis.json`. The dependencies were declared by reading the clauses, and mended after
looking at the first 70 faults of the sample. The weights and thresholds of the comparison were chosen with
these figures in view, so on code that nobody has seen yet it will be right somewhat less often.
"""


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kept", type=Path, help="a file for the answers; what is there isn't asked again")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--page", action="store_true", help="write the page only")
    chosen = parser.parse_args()
    if not chosen.page:
        if chosen.kept is None:
            parser.error("--kept FILE is wanted, where the answers go")
        ask(chosen.kept, chosen.jobs)
        HISTORY.write_text(json.dumps(measure(chosen.kept), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(HISTORY.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
