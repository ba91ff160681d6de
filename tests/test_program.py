"""`dlspec verify cmd:PROGRAM`: programs in other languages, sound and unsound, and the page about them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from dlspec import implementations, manifest
from dlspec.catalogue import BY_NAME, OPS
from dlspec.failure import ConformanceFailure, Crashed, Garbled, NotProvided
from dlspec.implementations import TargetError, load, program, wire
from dlspec.implementations.program import ProgramImplementation
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Plan, Run, Watcher, supervise
from dlspec.smoke import BrokenAdapter, smoke
from dlspec.tolerance import refused

ROOT = Path(__file__).parents[1]
SPEAKER = Path(__file__).parent / "homework" / "speaker.py"
SMALL = ROOT / "examples" / "other_languages" / "small.js"
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SCHEMA = json.loads(
    Path(implementations.__file__).with_name("protocol.schema.json").read_text(encoding="utf-8")
)


def speaker(how: str = "") -> str:
    return f"cmd:{shlex.join([sys.executable, '-S', '-E', str(SPEAKER), *filter(None, [how])])}"


def small() -> str:
    if shutil.which("node") is None:
        pytest.fail("Node is not installed; the example in JavaScript can't be tested without it")
    return f"cmd:{shlex.join(['node', str(SMALL)])}"


def asked(target: str, *ids: str, **options: Any) -> Run:
    return supervise(Plan(target, ids, **options), Watcher())


def valid(message: Any, kind: str) -> None:
    Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{kind}"}]}).validate(message)


@pytest.fixture(scope="module")
def js() -> Iterator[ProgramImplementation]:
    impl = load(small())
    assert isinstance(impl, ProgramImplementation)
    yield impl
    impl.close()


# Numbers and arrays.


@pytest.mark.parametrize("dtype", wire.DTYPES)
def test_arrays_come_back_to_the_last_bit(dtype: str) -> None:
    numbers: list[Any] = [0, 1, 0, 1]
    if dtype.startswith("float"):
        info = np.finfo(dtype)
        numbers = [-0.0, np.inf, np.nan, info.max, info.smallest_subnormal, 1 / 3]
    elif dtype != "bool":
        numbers = [np.iinfo(dtype).min, np.iinfo(dtype).max, 7, 0]
    for array in (np.array(numbers, dtype), np.array(numbers[1], dtype), np.zeros((0, 3), dtype)):
        told = json.loads(json.dumps(wire.array(array)))
        valid({"id": 1, "value": told}, "answer")

        back = wire.read_array(told)

        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([1.0], "an array is an object"),
        ({"dtype": "float64", "data": []}, "an array is an object"),
        ({"dtype": "float16", "shape": [], "data": ["0x1p+0"]}, "dtype 'float16' is none of float64"),
        ({"dtype": "float64", "shape": [-1], "data": []}, "is no list of sides"),
        ({"dtype": "float64", "shape": [True], "data": ["0x1p+0"]}, "is no list of sides"),
        ({"dtype": "float64", "shape": 3, "data": []}, "is no list of sides"),
        (
            {"dtype": "float64", "shape": [2], "data": ["0x1p+0"]},
            r"shape \(2,\) has 2 elements, and there are 1",
        ),
        ({"dtype": "float64", "shape": [2], "data": "ab"}, "there are no list of in data"),
        ({"dtype": "float64", "shape": [1], "data": [1.5]}, "a hexadecimal string, and not 1.5"),
        ({"dtype": "float64", "shape": [1], "data": ["1.5"]}, "a hexadecimal string, and not '1.5'"),
        ({"dtype": "float64", "shape": [1], "data": ["0x1p+9999"]}, "larger than any number of float64"),
        ({"dtype": "float32", "shape": [1], "data": ["0x1.999999999999ap-4"]}, "is no number of float32"),
        ({"dtype": "int8", "shape": [1], "data": [1]}, "a decimal string, and not 1"),
        ({"dtype": "int8", "shape": [1], "data": ["200"]}, "200 doesn't fit into int8"),
        ({"dtype": "bool", "shape": [1], "data": [1]}, "1 is neither true nor false"),
    ],
)
def test_what_is_no_array_is_told_why(told: Any, message: str) -> None:
    with pytest.raises(wire.NotOnTheWire, match=message):
        wire.read_array(told)


# The page.


def examples(kind: str) -> list[Any]:
    return [json.loads(text) for text in re.findall(rf'```json title="{kind}"\n(.*?)```', PAGE, re.DOTALL)]


def test_every_example_on_the_page_is_as_the_schema_has_it() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    questions, answers = examples("question"), examples("answer")

    assert [question["message"] for question in questions] == ["start", "value", "vjp", "sgd"]
    assert len(answers) == 5, "one for each, and an error"
    for question in questions:
        valid(question, "question")
    for answer in answers:
        valid(answer, "answer")
    for array in examples("array"):
        valid({"id": 1, "value": array}, "answer")
        wire.read_array(array)


@pytest.mark.node
def test_the_answers_on_the_page_are_those_of_the_example(js: ProgramImplementation) -> None:
    answers = {answer["id"]: answer for answer in examples("answer") if "error" not in answer}
    for question in examples("question")[1:]:
        parts = {key: json.dumps(part) for key, part in question.items() if key not in ("message", "id")}

        answer = js._ask(question["message"], parts)

        wanted = answers[question["id"]]
        assert answer.keys() == wanted.keys()
        for key in answer.keys() - {"id"}:
            assert arrays_of(answer[key]) == arrays_of(wanted[key])


def arrays_of(told: Any) -> Any:
    """Arrays as lists of numbers, which may be written in several ways."""
    if isinstance(told, list):
        return [arrays_of(item) for item in told]
    return None if told is None else wire.read_array(told).tolist()


def test_the_page_names_every_op_with_its_operands() -> None:
    table = PAGE[PAGE.index("## Ops") : PAGE.index("## Verdicts")]
    said = {
        name: operands.partition(";")[0].replace(" ", "").split(",")
        for name, operands in re.findall(r"(\w+)\(([^)]*)\)", table)
    }

    assert said.keys() == OPS
    for name, op in BY_NAME.items():
        assert said[name] == list(op.operands), name


def test_the_page_names_profiles_and_kinds() -> None:
    assert ", ".join(f"`{profile}`" for profile in program.PROFILES) in PAGE.replace("\n", " ")
    assert set(manifest.PROFILES) - set(program.PROFILES) == {"objects", "scale"}
    for kind in program.KINDS:
        assert f"| `{kind}` |" in PAGE


# A whole conversation.


@pytest.mark.node
def test_everything_that_is_said_is_as_the_schema_has_it(
    js: ProgramImplementation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, Any]] = []
    ask = program.Process.ask

    def noting(self: program.Process, number: int, question: str, limit: program.Limit) -> Any:
        answer = ask(self, number, question, limit)
        said.extend((("question", json.loads(question)), ("answer", answer)))
        return answer

    monkeypatch.setattr(program.Process, "ask", noting)
    topics: dict[str, str] = {}
    for clause in manifest.clauses():
        if clause.profile in js.claims:
            topics.setdefault(clause.id.rpartition(".")[0], clause.id)
    for id in topics.values():
        manifest.by_id()[id].check(js)

    assert {message["message"] for kind, message in said if kind == "question"} == {"value", "vjp", "sgd"}
    for kind in ("question", "answer"):
        validator = Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})
        for told, message in said[:: 1 + len(said) // 400]:
            if told == kind:
                validator.validate(message)


@pytest.mark.node
def test_the_example_keeps_clauses_of_every_profile() -> None:
    topics = {clause.id.rpartition(".")[0]: clause.id for clause in manifest.clauses()}
    wanted = ("ops.mm", "ops.types", "autodiff.graphs", "layers.lstm_cell", "losses.mse_loss", "optim.sgd")
    ids = [
        topics[topic] for topic in (*wanted, "training.learning", "numerics.tanh", "errors.nothing_changed")
    ]

    run = asked(small(), *ids)

    assert run.subject.claims == program.PROFILES
    assert {id: result.status for id, result in run.results.items()} == dict.fromkeys(ids, Status.PASS)


@pytest.mark.node
def test_a_program_is_data(js: ProgramImplementation, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    ask = js._ask

    def noting(message: str, parts: Any) -> Any:
        sent.append({"message": message, **{key: json.loads(part) for key, part in parts.items()}})
        return ask(message, parts)

    monkeypatch.setattr(js, "_ask", noting)

    def clauses_program(F: Any, x: Any, unused: Any) -> Any:
        F.exp(x)
        y = F.multiply(F.add(x, 2), js.constant(np.array(3.0)))
        return F.sum(y, dim=(0, -1), keepdims=True)

    pulled = js.pull(clauses_program, np.ones((1, 2)), np.ones(1))
    bars = pulled.pullback(np.array([[5.0]]))

    assert pulled.value.tolist() == [[18.0]]
    assert [None if bar is None else bar.tolist() for bar in bars] == [[[15.0, 15.0]], None]
    value, vjp = sent
    assert [step["op"] for step in vjp["program"]] == ["exp", "add", "multiply", "sum"], "what is unused, too"
    assert [step["args"] for step in vjp["program"]] == [[0], [0, {"int": 2}], [4, 2], [5]]
    assert vjp["program"][3]["static"] == {"dim": [0, -1], "keepdims": True}
    assert (vjp["result"], vjp["wanted"], len(vjp["inputs"])) == (6, [0, 1], 3)
    assert value == {key: vjp[key] for key in ("inputs", "program", "result")} | {"message": "value"}


@pytest.mark.node
def test_values_may_be_made_outside_a_program_and_of_several_results(js: ProgramImplementation) -> None:
    x = js.constant(np.array([[1.0, -1.0]]))
    ones = [js.constant(np.ones(shape)) for shape in ((2, 2), (2,), (2, 2), (2,), (2, 1), (1,))]
    output, hidden = js.ops["rnn_cell"](x, js.ops["negative"](x), *ones)

    assert js.numpy(hidden).shape == (1, 2)
    assert js.numpy(output).shape == (1, 1)
    assert js.numpy(x).tolist() == [[1.0, -1.0]]
    assert len(program.steps_before(output)) == 2


@pytest.mark.node
def test_a_long_chain_is_no_recursion(js: ProgramImplementation) -> None:
    value = js.constant(np.array(1.0))
    for _ in range(5000):
        value = js.ops["negative"](value)

    assert js.numpy(value) == 1.0


@pytest.mark.node
@pytest.mark.parametrize(
    ("op", "operands", "static", "kind"),
    [
        ("mm", (np.ones((4, 3)), np.ones((5, 2))), {}, ValueError),
        ("index_select", (np.ones((3, 2)),), {"indices": np.array([3])}, IndexError),
        ("index_select", (np.ones((3, 2)),), {"indices": np.array([1.0])}, TypeError),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind(
    js: ProgramImplementation, op: str, operands: Any, static: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        js.value(op, *operands, **static)
    with pytest.raises(kind):
        js.pull(lambda F, *values: getattr(F, op)(*values, **static), *operands)
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        js.sgd([np.ones(2)], [[None]], alphas=[0.5])


# Programs that misbehave.


NEXT = ("ops.exp.value", "ops.negative.value")


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("exits", Status.CRASH, "the program ended: exit code 7"),
        ("dies", Status.CRASH, "the program ended: signal 9, SIGKILL"),
        ("leaves a child", Status.CRASH, "the program ended: exit code 7"),
        ("half", Status.CRASH, """in the middle of an answer, '{"id": 3, "val': exit code 0"""),
        ("hangs", Status.TIMEOUT, "^no answer within 3 s"),
        ("no end of line", Status.TIMEOUT, """^no end of line within 3 s; it wrote '{"id": 3, "val'"""),
        ("surplus", Status.ERROR, 'the answer to `value` has no "note"; it wrote \'{'),
        ("surplus in an error", Status.ERROR, 'an error has a "message" and a "kind" .* nothing else'),
        ("both", Status.ERROR, 'an answer with an error has no "value"'),
        ("prints", Status.ERROR, "an answer is one line of JSON on stdout, .*; it wrote 'computing exp'"),
        ("prints forever", Status.ERROR, "an answer has at most .* bytes; it wrote 'xxx"),
        ("other id", Status.ERROR, 'an answer repeats the "id" of its question, which was'),
        (
            "twice",
            Status.ERROR,
            "each question has one answer, which comes after it, and this program wrote more",
        ),
        ("list", Status.ERROR, r"an answer is an object; it wrote '\[1, 2\]"),
        ("array", Status.ERROR, r'the "value": an array is an object of .*; it wrote .\[1, 2\]'),
        ("too many", Status.ERROR, 'the "value": an array of shape .* has .* elements, and there are 100'),
        ("no value", Status.ERROR, 'the "value": an array is an object'),
        ("kind", Status.ERROR, 'an error has a "message" and a "kind" out of value, index, .*ValueError'),
        ("internal", Status.ERROR, "ProgramError: x is undefined"),
        ("closes stdout", Status.ERROR, "answers are written to stdout, and this program closed it"),
    ],
)
def test_a_program_that_misbehaves_fails_one_clause(how: str, status: Status, message: str) -> None:
    run = asked(speaker(how), *NEXT, timeout=3.0 if status is Status.TIMEOUT else 60.0)

    exp, after = (run.results[id] for id in NEXT)
    assert exp.status is status
    assert re.search(message, exp.message or "")
    assert after.status is Status.PASS, "the next one is asked of a new program"
    assert run.subject.name == "speaker"
    if status is Status.CRASH:
        assert "stderr: about to misbehave" in (exp.message or "")


def test_a_program_that_stops_reading_is_told_so() -> None:
    impl = load(speaker("closes stdin"))

    impl.value("exp", np.ones(2))
    with pytest.raises(
        Garbled, match="reads its questions from stdin until that ends, and this one closed it"
    ):
        impl.value("negative", np.ones(2**16))
    assert impl.value("negative", np.ones(2)).tolist() == [-1, -1], "a new program"


def test_a_program_that_always_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_ENDS_IN_A_ROW", 2)
    impl = load(speaker("exits"))
    for _ in range(2):
        with pytest.raises(Crashed, match="exit code 7"):
            impl.value("exp", np.ones(2))

    with pytest.raises(Crashed, match="not started again: the program has ended 2 times in a row"):
        impl.value("negative", np.ones(2))


@pytest.mark.parametrize("how", ["exits", "kind"])
def test_neither_a_crash_nor_a_broken_answer_is_a_refusal(how: str) -> None:
    impl = load(speaker(how))

    with pytest.raises((Crashed, Garbled)), refused(Exception, what="exp of anything"):
        impl.value("exp", np.ones(2))


def test_a_mistake_where_a_refusal_was_wanted_is_told_in_the_words_of_the_protocol() -> None:
    impl = load(speaker("internal"))

    with pytest.raises(ConformanceFailure) as failed, refused(IndexError, ValueError, what="exp of 1"):
        impl.value("exp", np.ones(2))
    with (
        pytest.raises(ConformanceFailure, match=r"undefined'\), where type was wanted"),
        refused(TypeError, what="exp of 1"),
    ):
        impl.value("exp", np.ones(2))

    told = "exp of 1: answered `internal` ('x is undefined'), where one of value, index was wanted"
    assert failed.value.message == told


def test_clauses_that_get_no_answer_in_time_block_their_topic() -> None:
    ids = [clause.id for clause in manifest.clauses() if clause.id.startswith("ops.exp.")]

    run = asked(speaker("hangs"), *ids, timeout=3.0)

    statuses = [run.results[id].status for id in ids]
    assert statuses.count(Status.TIMEOUT) == 2
    assert set(statuses[1 + [i for i, s in enumerate(statuses) if s is Status.TIMEOUT][1] :]) == {
        Status.BLOCKED
    }


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("start:prints", "one line of JSON on stdout, .*it wrote 'Loading the model ...'"),
        ('start:{"id": 2}', 'an answer repeats the "id" of its question, which was 1'),
        ('start:{"protocol": 2}', 'has the "protocol" that was asked for, 1'),
        ('start:{"name": ""}', 'the answer to `start` has a "name"'),
        ('start:{"version": 3}', 'the "version" of a program is text'),
        ('start:{"claims": "ops"}', 'the answer to `start` has "claims", a list of names'),
        ('start:{"claims": ["objects"]}', "\"claims\" is made of ops, .*, and has 'objects'"),
        ('start:{"ops": [1]}', 'the answer to `start` has "ops", a list of names'),
        ('start:{"opz": []}', 'the answer to `start` has no "opz"'),
        ('start:{"error": {"kind": "value", "message": "no"}}', "not with an error"),
        (
            'start:{"ops": ["tahn"]}',
            "^the program breaks the protocol: the answer to `start`: ops: the catalogue has no op 'tahn'. "
            "Did you mean 'tanh'",
        ),
        ('start:{"dtypes": ["float16"]}', "dtypes: "),
        ('start:{"claims": []}', "claims: nothing is claimed"),
    ],
)
def test_a_program_that_breaks_the_protocol_at_the_start_is_a_broken_adapter(how: str, message: str) -> None:
    with pytest.raises(Stop, match=message) as stopped:
        asked(speaker(how), *NEXT)

    assert stopped.value.code is ExitCode.ADAPTER


def test_what_is_wrong_with_programs_without_ops_is_found_before_any_clause() -> None:
    impl = load(speaker())
    smoke(impl)
    wrong = load(speaker())
    assert isinstance(wrong, ProgramImplementation)
    wrong.numpy = lambda value: value if isinstance(value, np.ndarray) else np.zeros(1)  # type: ignore[method-assign] # a program that reads no numbers

    with pytest.raises(BrokenAdapter, match=r"numpy\(constant\(x\)\): an array of shape"):
        smoke(wrong)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cmd:", "needs a command"),
        ("cmd:'unclosed", "no command line: No closing quotation"),
        ("cmd:./no/such/program", "there is no program ./no/such/program"),
        (f"cmd:{SPEAKER}", "it isn't executable"),
    ],
)
def test_a_program_that_is_not_there_is_a_usage_error(target: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        load(target)


def test_a_program_beside_us_is_named_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program").write_text("")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TargetError, match=r"did you mean cmd:\./program\?"):
        load("cmd:program")


def test_a_program_that_cannot_start_shows_what_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", speaker("start:exits")]

    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.returncode == ExitCode.USAGE
    assert "stderr: hello from stderr" in done.stderr
    assert "asked to start, the program ended: exit code 5" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
@pytest.mark.parametrize("how", ["hangs", "leaves a child"])
def test_nothing_is_left_of_a_program(tmp_path: Path, how: str) -> None:
    noted = tmp_path / "pids"

    asked(f"{speaker(how)} {noted}", *NEXT, timeout=3.0)

    for pid in map(int, noted.read_text().split()):
        assert gone(pid), "the program, or what it started, outlives the run"


def gone(pid: int) -> bool:
    """Whether a process ends within a second: a killed one takes a moment."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # In a container nobody may come to fetch what became of an orphan.
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="pipes can't be waited for there")
@pytest.mark.parametrize(
    ("how", "wrote"),
    [
        ("silent", "it wrote nothing"),
        ("start:no end of line", 'without an end of line it wrote \'{"id": 1, '),
    ],
)
def test_a_program_that_never_ends_its_first_line_is_not_waited_for(
    how: str, wrote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop) as stopped:
        asked(speaker(how), *NEXT, timeout=2.0)

    told = str(stopped.value)
    assert stopped.value.code is ExitCode.ADAPTER
    assert "the program breaks the protocol: no whole line in answer to `start` within 2 s; " in told
    assert wrote in told
    assert "end each answer with a newline and flush it" in told
    monkeypatch.setattr(program, "START", 0.5)
    with pytest.raises(BrokenAdapter, match=r"`start` within 0\.5 s"):
        load(speaker(how))


def test_what_a_program_hasnt_got_is_not_provided() -> None:
    impl = load(speaker())

    with pytest.raises(NotProvided, match="op tanh"):
        impl.value("tanh", np.ones(2))


def test_a_program_ends_with_the_process_that_asked_it(tmp_path: Path) -> None:
    script = (
        "import os\nfrom dlspec.implementations import load\n"
        f"impl = load({speaker()!r})\nprint(impl._process._process.pid)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.node
def test_a_mistake_in_another_language_is_shown_by_a_script(tmp_path: Path) -> None:
    right = "(4 * fading(x, 2))"
    text = SMALL.read_text(encoding="utf-8")
    assert right in text
    wrong = tmp_path / "wrong.js"
    wrong.write_text(text.replace(right, "(2 * fading(x, 2))"), encoding="utf-8")
    small()

    run = asked(f"cmd:node {wrong}", "ops.tanh.value", "ops.tanh.gradient")
    script = tmp_path / "script.py"
    script.write_text(run.scripts["ops.tanh.gradient"], encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)

    assert run.results["ops.tanh.value"].status is Status.PASS
    assert run.results["ops.tanh.gradient"].status is Status.FAIL
    assert done.returncode == 1
    assert "cotangent of x: got 0.06377934118267159 expected 0.12755868236534315" in done.stdout
