"""The commands of `dlspec`: what they print, what they refuse, and their exit codes."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlspec import SPEC_VERSION, casefile, freeze, manifest
from dlspec.catalogue import CATALOGUE
from dlspec.faults import faults
from dlspec.implementation import Divergence
from dlspec.runner import explaining, screen, words
from dlspec.runner.blocking import Collapse
from dlspec.runner.main import main
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import ProfileVerdict, Verdict, Word

HOMEWORK = Path(__file__).parent / "homework"

SUBJECT = Subject("homework", None, ("ops",), ("float64",), ())

Command = Callable[..., tuple[int, str, str]]
Json = dict[str, Any]


@pytest.fixture
def dlspec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; give exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dlspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return run


def test_the_version(dlspec: Command) -> None:
    code, out, _ = dlspec("--version")

    assert code == 0
    assert out.startswith(f"dlspec {SPEC_VERSION} (deeplearning-framework ")


def test_list_has_a_line_for_every_clause(dlspec: Command) -> None:
    _, out, _ = dlspec("list")
    _, layers, _ = dlspec("list", "layers")

    assert out.splitlines() == [f"{clause.level:<6}  {clause.id}" for clause in manifest.clauses()]
    assert layers.splitlines() == [line for line in out.splitlines() if line[8:].startswith("layers.")]
    assert len(layers.splitlines()) > 10


def test_explain_shows_the_sentence_and_the_code(dlspec: Command) -> None:
    code, out, _ = dlspec("explain", "autodiff.fan_out.a_value_used_twice_receives_the_sum")

    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    clause = manifest.by_id()["autodiff.fan_out.a_value_used_twice_receives_the_sum"]
    assert clause.sentence in " ".join(lines)
    assert "profile  autodiff" in lines
    assert "level    MUST" in lines
    assert f"source   dlspec/{clause.source}" in lines
    assert any(line.startswith("def test_a_value_used_twice_receives_the_sum(") for line in lines)


def test_explain_names_what_a_law_depends_on_besides_itself(dlspec: Command) -> None:
    assert manifest.by_id()["ops.add.value"].depends == ("ops.add.shape", "ops.add.value")

    _, out, _ = dlspec("explain", "ops.add.value")

    assert "  depends  ops.add.shape\n\n" in out


@pytest.mark.parametrize("group", [(), ("divergences",)])
def test_a_command_is_told_in_a_line_of_a_terminal(
    dlspec: Command, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = dlspec(*group, "--help")

    _, _, commands = out.partition("Commands:\n")
    lines = commands.strip().splitlines()
    assert lines
    assert not [line for line in lines if line.endswith("...")]


def test_no_help_shows_how_a_default_is_made(dlspec: Command) -> None:
    for command in ("verify", "freeze", "grade", "faults", "variants"):
        _, out, _ = dlspec(command, "--help")
        assert "<class" not in out


def test_the_help_of_verify_speaks_of_programs(dlspec: Command) -> None:
    _, out, _ = dlspec("verify", "--help")

    assert "cmd:./program" in out
    assert "<class" not in out


def test_list_is_narrowed_by_level_id_and_words(dlspec: Command) -> None:
    def ids(*arguments: str) -> list[str]:
        return [line[8:] for line in dlspec("list", *arguments)[1].splitlines()]

    clauses = manifest.clauses()
    assert ids("--level", "should") == [clause.id for clause in clauses if clause.level == "SHOULD"]
    assert ids("ops", "--only", "*.tanh.*") == [c.id for c in clauses if c.id.startswith("ops.tanh.")]
    assert "objects.parameters.tied_parameters_count_once" in ids("--saying", "PARAMETER")
    assert all(
        "transposed Jacobian" in manifest.by_id()[id].sentence
        for id in ids("--saying", "transposed jacobian")
    )
    _, out, _ = dlspec("list", "--only", "ops.tanh.value", "--sentences")
    assert " ".join(out.split()).endswith(manifest.by_id()["ops.tanh.value"].sentence)
    assert max(map(len, out.splitlines())) <= 80


def test_explain_gives_formula_reason_and_remedy_from_where_they_stand(dlspec: Command) -> None:
    _, out, _ = dlspec("explain", "ops.tanh.gradient")

    lines = out.splitlines()
    assert "  contract    ()->()" in lines
    assert "sinh(x) / cosh(x)" in out, "the catalogue's definition"
    assert "  y = tanh x" in lines, "the reference's equation"
    assert "  x_bar = y_bar / cosh^2 x" in lines
    meant = [fault for fault in faults().values() if fault.caught_by == "ops.tanh.gradient"]
    assert " ".join(meant[0].story.split()) in " ".join(out.split())
    assert any(line.startswith("    - ") for line in lines)
    _, program, _ = dlspec("explain", "autodiff.fan_out.a_value_used_twice_receives_the_sum")
    assert "FORMULA" not in program
    assert "WHY" in program


def test_every_definition_is_shown_whole() -> None:
    for op in CATALOGUE:
        text = "\n".join(explaining.definition(op))

        assert text.startswith(("lambda ", "def ", "np.")), op.id
        compile(text, op.id, "exec")


def test_no_equation_is_shown_as_latex() -> None:
    found = [line for op in CATALOGUE for equation in explaining.equations(op) for line in equation]

    assert len(found) > len(CATALOGUE)
    assert [line for line in found if re.search(r"[\\{}$]", line)] == []


def test_equations_are_typed_as_one_would_type_them() -> None:
    assert explaining.typed(
        r"y = \frac{e^{x_{ij} - m}}{\sum_j x_j}, \qquad \bar x_{ij} = \bar\ell\,W^\top"
    ) == [
        "y = (e^(x_ij - m)) / (sum_j x_j)",
        "x_bar_ij = l_bar W^T",
    ]


def test_explain_works_on_every_clause(dlspec: Command) -> None:
    for clause in manifest.clauses()[::60]:
        code, out, _ = dlspec("explain", clause.id)

        assert code == 0
        assert out.startswith(clause.id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--level", "may"), "--level may: there are MUST and SHOULD"),
        (("list", "--only", "ops.tanh.valu"), "Did you mean ops.tanh.value"),
        (("list", "ops", "--saying", "no such words"), "no clause is all of that"),
        (("list", "autodif"), "there is no profile autodif. Did you mean autodiff?"),
        (("explain", "ops.tanh.valeu"), "there is no clause ops.tanh.valeu. Did you mean ops.tanh.value"),
        (("freeze", "ops.tahn"), "nothing is frozen under ops.tahn. Did you mean ops.tanh"),
        (("verify", "x.py", "--profile", "opz"), "there is no profile opz. Did you mean ops?"),
        (("verify", "x.py", "--only", "ops.tanh"), "no clause has such an id. Did you mean 'ops.tanh.*'?"),
        (("verify", "x.py", "--only", "ops.tanh.valu"), "Did you mean ops.tanh.value"),
        (("verify", "x.py", "--only", "ops.*", "--profile", "scale"), "no clause of scale has such an id"),
        (("verify", "x.py", "--timeout", "0"), "--timeout 0: seconds above 0"),
        (("verify", "x.py", "--timeout", "nan"), "--timeout nan: seconds above 0"),
        (("verify", "x.py", "--divergences", "none.toml"), "none.toml can't be read"),
        (("verify", "x.py", "--scripts", __file__), "can't be made"),
        (("verify", "x.py"), "there is no file x.py"),
        (("promote", "none.json", "ops.tanh.value"), "none.json: can't be read"),
        (("verify",), "Missing argument"),
        (("verify", "x.py", "--explore", "-1"), "--explore"),
        (("verfiy",), "verfiy"),
    ],
)
def test_a_misuse_says_what_is_wrong(dlspec: Command, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = dlspec(*arguments)

    assert code == ExitCode.USAGE
    assert message in err
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[divergence]]\nid = 'ops.tanh.value'\ncategory = 'a'\n", "'reason'"),
        ("[[divergence]]\nid = 'ops.tanh.value'\ncategory = 'a'\nreason = ' '\n", "reason"),
        ("[[divergence]]\nid = 'ops.tanh.value'\ncategory = 1\nreason = 'b'\n", "category"),
        (
            "[[divergence]]\nid = 'ops.tanh.valeu'\ncategory = 'a'\nreason = 'b'\n",
            "Did you mean ops.tanh.value",
        ),
        ("[[divergence]]\nid = 'ops.*'\ncategory = 'a'\nreason = 'b'\n", "no such clause"),
        ("[[divergence]]\nid = 1\ncategory = 'a'\nreason = 'b'\n", "no such clause"),
        ("[[divergence]]\nid = 'ops.tanh.value'\nreasn = 'b'\n", "'reasn'. Did you mean reason?"),
        ("[[divergence]]\nid = 'ops.tanh.value'\ncategory = 'a'\nreason = 'b'\nlink = 3\n", "link"),
        (2 * "[[divergence]]\nid = 'ops.tanh.value'\ncategory = 'a'\nreason = 'b'\n", "more than once"),
        ("[[divergences]]\n", "Did you mean divergence?"),
        (
            "[[divergence]]\nid = 'ops.tanh.value'\ncategory = ''\nreason = ''\n",
            "category is empty; fill it in",
        ),
        ("[divergence]\nid = 'ops.tanh.value'\n", "divergence"),
        ("divergence = 3\n", "divergence"),
        ("no toml at all", "can't be read"),
    ],
)
def test_a_declaration_that_declares_nothing_is_refused(
    dlspec: Command, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "declared.toml"
    file.write_text(text)

    code, _, err = dlspec("verify", "x.py", "--divergences", file)

    assert code == ExitCode.USAGE
    assert message in err
    assert "x.py" not in err, "found before the target is loaded"
    assert "fault" not in err


def test_a_stale_declaration_fails_the_run_and_says_how_to_mend_it(dlspec: Command, tmp_path: Path) -> None:
    file = tmp_path / "declared.toml"
    file.write_text("[[divergence]]\nid = 'ops.add.shape'\ncategory = 'a'\nreason = 'b'\n")
    target = HOMEWORK / "partial.py"

    kept, _, _ = dlspec("verify", target, "--only", "ops.add.shape")
    code, out, _ = dlspec("verify", target, "--only", "ops.add.shape", "--divergences", file)

    assert kept == ExitCode.INCOMPLETE
    assert code == ExitCode.DIFFERS
    assert "STALE-DIVERGENCE  ops.add.shape" in out
    assert "take the declaration out" in " ".join(out.split())


def test_a_draft_declares_what_failed_and_is_refused_until_it_is_filled_in(
    dlspec: Command, tmp_path: Path
) -> None:
    target, report, draft = HOMEWORK / "partial.py", tmp_path / "report.json", tmp_path / "draft.toml"
    only = ("--only", "ops.exp.*", "--only", "ops.log.value")
    dlspec("verify", target, *only, "--report", report)

    code, out, _ = dlspec("divergences", "init", report)

    assert code == 0
    draft.write_text(out)
    tables = tomllib.loads(out)["divergence"]
    failed = [
        c["id"] for c in json.loads(report.read_text())["clauses"] if c["status"] in ("fail", "blocked")
    ]
    assert [table["id"] for table in tables] == failed
    assert "ops.log.value" not in failed, "not provided is no divergence"
    refused, _, err = dlspec("verify", target, *only, "--divergences", draft)
    assert refused == ExitCode.USAGE
    assert f"divergence {failed[0]}: category is empty; fill it in" in err
    draft.write_text(
        out.replace('category = ""', 'category = "a \\"b\\""').replace('reason = ""', 'reason = "c"')
    )
    dlspec("verify", target, *only, "--divergences", draft, "--report", report)
    statuses = {entry["id"]: entry["status"] for entry in json.loads(report.read_text())["clauses"]}
    assert {statuses[id] for id in failed} == {"diverges"}
    _, again, _ = dlspec("divergences", "init", report)
    assert tomllib.loads(again) == tomllib.loads(draft.read_text())


def test_verify_conforms(dlspec: Command) -> None:
    code, out, err = dlspec("verify", f"{HOMEWORK / 'adapters.py'}:Sound", "--only", "ops.negative.value")

    assert code == ExitCode.INCOMPLETE
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "only negation 0.0"
    assert lines[1].startswith(f"dlspec {SPEC_VERSION}, Python ")
    assert "was not asked every clause, so the verdict is incomplete" in out


def test_a_profile_that_is_not_claimed_cannot_be_asked(dlspec: Command) -> None:
    code, _, err = dlspec("verify", f"{HOMEWORK / 'adapters.py'}:Sound", "--profile", "scale")

    assert code == ExitCode.USAGE
    assert err == "dlspec: only negation doesn't claim scale; it claims ops\n"


def test_the_screen_of_a_failing_run(dlspec: Command, tmp_path: Path) -> None:
    target = f"{HOMEWORK / 'partial.py'}"
    code, out, err = dlspec("verify", target, "--profile", "ops", "--slowest", 3, "--scripts", tmp_path)

    assert code == ExitCode.DIFFERS
    assert err == ""
    lines = out.splitlines()
    assert [line for line in lines if len(line) > 80 and str(tmp_path) not in line] == []
    assert "\x1b" not in out
    start = lines.index("FAIL  ops.exp.value")
    block = lines[start : lines.index("", start)]
    assert len(block) <= 20
    text = "\n".join(block)
    assert manifest.by_id()["ops.exp.value"].sentence in " ".join(line.strip() for line in block)
    for word in ("  got  ", "  expected  ", "  bound  ", "in case ", str(tmp_path / "ops.exp.value.py")):
        assert word in text
    missing = next(line for line in lines if line.startswith("NOT PROVIDED"))
    assert "tanh" in " ".join(lines[lines.index(missing) :][:6])
    assert len([line for line in lines if line.startswith("    ") and " s  ops." in line]) == 3
    header = next(k for k, line in enumerate(lines) if line.startswith("profile "))
    assert [line.split()[0] for line in lines[header + 1 : header + 11]] == list(manifest.PROFILES)
    assert lines[header + 2].endswith("not claimed")
    assert lines[-1].startswith("partial doesn't conform, and not every clause was asked (")


def test_the_first_failure_shows_its_script_where_there_is_room(
    dlspec: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homework.py").write_text((HOMEWORK / "partial.py").read_text())
    monkeypatch.chdir(tmp_path)

    _, out, _ = dlspec("verify", "homework.py", "--only", "ops.exp.value", "--only", "ops.exp.shape")

    block = out.split("\n\n")[1].splitlines()
    assert block[0] == "FAIL  ops.exp.value"
    assert len(block) <= words.LINES
    assert "  To see it by itself:" in block
    assert any(line.endswith(".exp()") for line in block)


def test_a_failure_takes_twenty_lines_however_much_there_is_to_say() -> None:
    clause = manifest.by_id()["ops.tanh.value"]
    result = Result(clause.id, Status.ERROR, 0.0, "\n".join(f"line {number}" for number in range(100)))
    script = [f"  script line {number}" for number in range(5)]

    lines = words.failure_lines(clause, result, Status.ERROR, script)

    assert len(lines) == words.LINES
    assert lines[-5:] == script
    assert lines[-6] == "  ..."
    assert max(map(len, lines)) <= words.WIDTH


@pytest.mark.parametrize(
    ("bound", "ratio", "shown"),
    [
        (1e-16, 1e16, "bound     1e-16; the difference is 1e+16 times as much"),
        (0.0, None, "bound     0: the answer is exact"),
    ],
)
def test_the_worst_element_stands_under_what_it_should_be(
    bound: float, ratio: float | None, shown: str
) -> None:
    clause = manifest.by_id()["ops.tanh.value"]
    failure: dict[str, Any] = {
        "message": "tanh[1, 2] is nan, expected 1.0 (2 of 6 elements wrong)",
        "what": "tanh",
        "index": [1, 2],
        "got": "nan",
        "expected": 1.0,
        "bound": bound,
        "ratio": ratio,
        "case": None,
        "case_number": 0,
        "found_by": "frozen",
    }

    lines = words.failure_lines(clause, Result(clause.id, Status.FAIL, 0.0, "", failure), Status.FAIL)

    count = len(casefile.load("ops.tanh"))
    assert lines[-4:] == [
        f"  tanh[1, 2] (2 of 6 elements wrong), in case 1 of {count}",
        "    got       nan",
        "    expected  1.0",
        f"    {shown}",
    ]


def test_a_failure_among_many_takes_one_line() -> None:
    result = Result("ops.tanh.value", Status.ERROR, 0.0, "TypeError: " + "no " * 40 + "\nsecond line")

    line = words.one_line(result, Status.ERROR)

    assert line.startswith("error     ops.tanh.value  TypeError: no no")
    assert line.endswith(" ...")
    assert len(line) == words.WIDTH - 2


def on_screen(run: Run, final: dict[str, Status], divergences: dict[str, Divergence]) -> list[str]:
    out = screen.console()
    with out.capture() as captured:
        screen.show_failures(out, run, Collapse(final, {}), manifest.clauses(), {}, {})
        screen.show_divergences(out, final, divergences)
    return captured.get().splitlines()


def test_failures_in_full_come_from_different_topics_and_the_rest_is_listed() -> None:
    final = {clause.id: Status.PASS for clause in manifest.clauses()}
    by_topic: dict[str, list[str]] = {}
    for clause in manifest.clauses():
        by_topic.setdefault(clause.id.rpartition(".")[0], []).append(clause.id)
    topics = [ids for ids in by_topic.values() if len(ids) > 3][: screen.MOST_IN_FULL + 2]
    broken = [id for ids in topics for id in ids[:3]]
    final |= dict.fromkeys(broken, Status.FAIL)
    run = Run(SUBJECT, {id: Result(id, Status.FAIL, 0.0, "wrong") for id in broken})

    lines = on_screen(run, final, {})

    in_full = [line.split()[1] for line in lines if line.startswith("FAIL  ")]
    listed = [line.split()[1] for line in lines if line.startswith("  fail ")]
    assert in_full == [ids[0] for ids in topics[: screen.MOST_IN_FULL]]
    assert sorted(in_full + listed) == sorted(broken)
    assert f"and {len(listed)} more:" in lines


def test_a_should_gives_way_to_musts_and_says_what_it_is() -> None:
    should = next(clause for clause in manifest.clauses() if clause.level == "SHOULD")
    final = {clause.id: Status.PASS for clause in manifest.clauses()} | {should.id: Status.ERROR}
    run = Run(SUBJECT, {should.id: Result(should.id, Status.ERROR, 0.0, "ValueError: no")})

    lines = on_screen(run, final, {})

    assert lines[1] == f"ERROR  {should.id}  (a SHOULD, which isn't counted)"


def test_a_reason_for_several_divergences_is_given_once() -> None:
    ids = [clause.id for clause in manifest.clauses()[:3]]
    divergences = {id: Divergence(id, "scope", "One reason for all.") for id in ids}
    final = {clause.id: Status.PASS for clause in manifest.clauses()} | dict.fromkeys(ids, Status.DIVERGES)

    lines = on_screen(Run(SUBJECT), final, divergences)

    assert lines == [
        "",
        "DECLARED DIVERGENCES  (3 clauses)",
        *(f"  {id}" for id in ids),
        "    One reason for all.",
    ]


def profiles(**words: Word | None) -> Verdict:
    """A verdict by profile: 3 MUSTs each, of which one diverges or fails where the word says so."""
    other = {
        Word.CONFORMS: Status.PASS,
        Word.DIVERGES: Status.DIVERGES,
        Word.PARTIAL: Status.FAIL,
        Word.INCOMPLETE: Status.NOT_RUN,
        Word.NOT_CLAIMED: Status.NOT_CLAIMED,
        None: Status.PASS,
    }
    made = [
        ProfileVerdict(name, word, Counter([Status.PASS, Status.PASS, other[word]]), Counter())
        for name, word in words.items()
    ]
    return Verdict(tuple(made), None in words.values())


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (profiles(ops=Word.CONFORMS), "homework conforms in the one profile it claims"),
        (
            profiles(ops=Word.CONFORMS, optim=Word.CONFORMS, scale=Word.NOT_CLAIMED),
            "homework conforms in both profiles it claims",
        ),
        (
            profiles(ops=Word.CONFORMS, optim=Word.DIVERGES, losses=Word.CONFORMS),
            "homework conforms in all 3 profiles it claims, with 1 declared divergence",
        ),
        (profiles(ops=Word.PARTIAL), "homework doesn't conform in the one profile it claims"),
        (
            profiles(ops=Word.PARTIAL, scale=Word.PARTIAL),
            "homework conforms in none of the 2 profiles it claims",
        ),
        (
            profiles(ops=Word.PARTIAL, scale=Word.CONFORMS),
            "homework conforms in 1 of the 2 profiles it claims",
        ),
        (
            profiles(ops=Word.PARTIAL, scale=Word.INCOMPLETE),
            "homework doesn't conform, and not every clause was asked",
        ),
        (
            profiles(ops=Word.CONFORMS, scale=Word.INCOMPLETE),
            "homework was not asked every clause, so the verdict is incomplete",
        ),
        (profiles(ops=None), "homework was interrupted, so there is no verdict"),
    ],
)
def test_the_closing_line(verdict: Verdict, line: str) -> None:
    out = screen.console()
    with out.capture() as captured:
        screen.show_closing(out, SUBJECT, verdict, 1.25)

    assert " ".join(captured.get().split()) == f"{line} (1.2 s)"


def test_the_table_fits_whatever_the_numbers() -> None:
    many = Counter(dict.fromkeys(Status, 100))
    rows = [ProfileVerdict(name, Word.DIVERGES, many, many) for name in manifest.PROFILES]
    out = screen.console()
    with out.capture() as captured:
        screen.show_summary(out, Verdict(tuple(rows), False))

    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= words.WIDTH
    assert "conforms with 100 declared" in lines[2]
    assert lines[3].strip() == "divergences"


def test_nothing_in_a_message_moves_the_cursor() -> None:
    assert words.printable("a\x1b[2Jb\rc\td\u202e") == "a\\x1b[2Jb\\rc d\\u202e"


def test_what_is_missing_is_named_once() -> None:
    results = [
        Result("ops.exp.value", Status.NOT_PROVIDED, message="op exp"),
        Result("ops.exp.shape", Status.NOT_PROVIDED, message="op exp"),
        Result("layers.linear.value", Status.NOT_PROVIDED, message="Linear"),
    ]

    assert words.missing_lines(results) == ["  ops       exp", "  layers    Linear"]


def test_lint_prints_every_problem(dlspec: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "lint", lambda: ["one", "two"])
    assert dlspec("lint")[:2] == (ExitCode.DIFFERS, "one\ntwo\n")

    monkeypatch.setattr(manifest, "lint", list)
    assert dlspec("lint")[0] == 0


def test_freeze_says_what_changes(dlspec: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, bool]] = []

    def fake(ids: list[str] | None = None, *, check: bool = False) -> list[str]:
        asked.append((ids, check))
        return ["ops.tanh"] if ids else []

    monkeypatch.setattr(freeze, "freeze", fake)

    assert dlspec("freeze", "--check", "ops.tanh.value")[:2] == (1, "not in order  ops.tanh\n")
    assert dlspec("freeze", "ops.tanh")[:2] == (0, "drawn  ops.tanh\n")
    assert dlspec("freeze", "--check")[0] == 0
    assert asked == [(["ops.tanh.value"], True), (["ops.tanh"], False), (None, True)]


@pytest.mark.parametrize("command", ["freeze", "promote"])
def test_an_installed_package_that_cannot_be_written_to_is_named(
    dlspec: Command,
    explored: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    def read_only(*arguments: object, **options: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(freeze, command, read_only)
    arguments: tuple[object, ...] = ("freeze",)
    if command == "promote":
        arguments = ("promote", explored("explore"), "ops.tanh.value")

    code, _, err = dlspec(*arguments)

    assert code == ExitCode.USAGE
    assert f"{casefile.FOLDER} can't be written to (Permission denied)" in err


def test_freezing_leaves_nothing_in_the_working_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "freeze", "--check", "ops.tanh"]
    temporary, folder = tmp_path / "temporary", tmp_path / "folder"
    temporary.mkdir()
    folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}

    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    assert done.stdout == "all cases are as they should be\n"
    assert list(folder.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.fixture(scope="module")
def empty_report(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A real report, of a target that is asked nothing but one clause."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    command = ["verify", str(HOMEWORK / "partial.py"), "--only", "ops.exp.shape", "--report", str(path)]
    subprocess.run(
        [sys.executable, "-P", "-m", "dlspec.runner.main", *command], check=False, capture_output=True
    )
    report: Json = json.loads(path.read_text(encoding="utf-8"))
    return report


@pytest.fixture
def explored(empty_report: Json, tmp_path: Path) -> Callable[[str], Path]:
    """A report with one failure, given how it was found."""

    def written(found_by: str) -> Path:
        nothing = dict.fromkeys(("what", "index", "got", "expected", "bound", "ratio", "case_number"))
        case = {"operands": [], "static": {"dict": {}}}
        failure = {**nothing, "message": "wrong", "found_by": found_by, "case": case}
        report = copy.deepcopy(empty_report)
        entry = next(entry for entry in report["clauses"] if entry["id"] == "ops.tanh.value")
        entry |= {"status": "fail", "message": "wrong", "failure": failure}
        path = tmp_path / "report.json"
        path.write_text(json.dumps(report), encoding="utf-8")
        return path

    return written


def test_promote_hands_over_the_case(
    dlspec: Command, explored: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted: list[tuple[str, Any]] = []

    def fake(id: str, case: Any) -> str:
        promoted.append((id, case))
        return "ops.tanh"

    monkeypatch.setattr(freeze, "promote", fake)

    code, out, _ = dlspec("promote", explored("explore"), "ops.tanh.value")

    assert code == 0
    assert promoted == [("ops.tanh.value", {"operands": [], "static": {"dict": {}}})]
    assert str(casefile.path_of("ops.tanh")) in out


@pytest.mark.parametrize(
    ("found_by", "clause", "message"),
    [
        ("frozen", "ops.tanh.value", "is a frozen one already"),
        ("explore", "ops.exp.value", "has no failing case there"),
        ("explore", "ops.log.value", "has no failing case there"),
        ("explore", "ops.tanh.valeu", "there is no clause ops.tanh.valeu"),
    ],
)
def test_promote_refuses_what_is_no_find(
    dlspec: Command, explored: Callable[[str], Path], found_by: str, clause: str, message: str
) -> None:
    code, _, err = dlspec("promote", explored(found_by), clause)

    assert code == ExitCode.USAGE
    assert message in err


def test_exploring_finds_what_frozen_cases_do_not_and_promote_can_read_it(
    dlspec: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, report = tmp_path / "rare.py", tmp_path / "report.json"
    frozen = {number for case in casefile.load("ops.tanh") for number in case["operands"][0].ravel().tolist()}
    rare = [whole / 2 for whole in range(-6, 7) if whole / 2 not in frozen]
    module.write_text(
        "import numpy as np\nimport deeplearning_framework as whole\n"
        "class Tensor(whole.Tensor):\n"
        "    def tanh(self):\n"
        f"        wrong = np.isin(self.data, {rare}).any()\n"
        "        return whole.Tensor(super().tanh().data + 1.0) if wrong else super().tanh()\n"
    )
    target = ("verify", module, "--only", "ops.tanh.value", "--report", report)
    assert dlspec(*target)[0] == ExitCode.INCOMPLETE

    code, out, _ = dlspec(*target, "--explore", 300)

    assert code == ExitCode.DIFFERS
    assert "found by exploring" in out
    promoted: list[Any] = []

    def fake(id: str, case: Any) -> str:
        promoted.append(case)
        return "ops.tanh"

    monkeypatch.setattr(freeze, "promote", fake)
    assert dlspec("promote", report, "ops.tanh.value")[0] == 0
    (operand,) = casefile.decode(promoted[0]["operands"])
    assert operand.size == 1, "shrunk"
    assert operand.item() in rare


@pytest.mark.parametrize("package", ["typer", "rich", "hypothesis", "jsonschema", "mpmath"])
def test_a_missing_extra_is_one_line(package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from dlspec.runner.main import main; main()"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == ExitCode.USAGE
    assert done.stderr == 'dlspec needs its extra: pip install "deeplearning-framework[spec]"\n'


def test_a_fault_of_ours_is_one_line(dlspec: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise KeyError("oops")

    monkeypatch.setattr(manifest, "lint", broken)

    code, _, err = dlspec("lint")

    assert code == ExitCode.INCOMPLETE
    assert err.startswith("dlspec has a fault of its own")
    assert "KeyError: 'oops'" in err
    assert err.count("\n") == 1


def test_a_terminal_without_the_characters_does_not_break_the_run() -> None:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "explain", "ops.tanh.value"]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}

    done = subprocess.run(command, capture_output=True, env=environment, check=False)

    assert done.returncode == 0
    assert done.stdout.isascii()
