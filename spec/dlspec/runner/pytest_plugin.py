"""The same clauses through pytest, a second door to them.

    pytest --pyargs dlspec.clauses --implementation mypackage

`-k`, xdist, JUnit files and whatever else pytest has then work on clauses. Each is an item of its own kind,
not a test function: which names a repository gives to its tests, and which fixtures it lays on all of them,
is no matter here. A conftest.py may still skip what it likes, so the last lines say how many were asked. The
verdict is that of `dlspec verify`, where no conftest.py is read and a crash is one clause's.

pytest loads this module wherever the distribution is installed, so it imports nothing before the option is
given, and does nothing without it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.implementation import Divergence, Implementation
    from dlspec.runner.result import Result, Status

CLAUSES = "dlspec.clauses."
FOLDER = Path(__file__).parents[1] / "clauses"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--implementation` and `--implementation-divergences`."""
    group = parser.getgroup("dlspec", "the executable specification of a small deep-learning framework")
    group.addoption(
        "--implementation",
        metavar="TARGET",
        default=None,
        help="what the clauses of dlspec are asked of, as in `dlspec verify TARGET`",
    )
    group.addoption(
        "--implementation-divergences",
        metavar="FILE",
        default=None,
        help="a TOML file of declared divergences",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the implementation and set to work, if one is named."""
    target = config.getoption("--implementation")
    if target is not None:
        clauses = _made(target, config.getoption("--implementation-divergences"))
        config.pluginmanager.register(clauses, _Clauses.NAME)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what is missing where clauses are collected and nobody is there to be asked."""
    if config.getoption("--implementation") is None and any(map(_is_clause, items)):
        raise pytest.UsageError(
            "the clauses of dlspec are asked of an implementation: --implementation TARGET"
        )


def _is_clause(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.function.__module__.startswith(CLAUSES)


def _made(target: str, file: str | None) -> _Clauses:
    from dlspec import manifest
    from dlspec.failure import Crashed, Garbled
    from dlspec.implementations import TargetError, load
    from dlspec.runner import divergences
    from dlspec.runner.judge import users_traceback
    from dlspec.runner.stop import Stop
    from dlspec.smoke import BrokenAdapter, smoke

    # Before the target's folder gets onto the path, which may hold modules of any name.
    known = manifest.by_id()
    try:
        impl = load(target)
        smoke(impl)
        from_file = () if file is None else divergences.from_file(Path(file))
        declared = divergences.checked((*impl.divergences, *from_file), known)
    except (TargetError, BrokenAdapter, Crashed, Garbled) as error:
        told = isinstance(error, TargetError) or str(error).startswith("the program ")
        what = "" if told else "the adapter is broken: "
        own = "" if error.__cause__ is None else f"\n{users_traceback(error.__cause__)}"
        raise pytest.UsageError(f"--implementation {target}: {what}{error}{own}") from None
    except Stop as stop:
        raise pytest.UsageError(str(stop)) from None
    return _Clauses(target, impl, declared)


class _NotKept(Exception):
    """A clause isn't kept; `str` is what is shown of it."""


class ClauseFile(pytest.File):
    """A file of clauses, each of which becomes an item under its id."""

    def collect(self) -> Iterator[ClauseItem]:
        """The clauses of the profiles that are claimed, as the file reads from top to bottom."""
        from dlspec import manifest

        here = f"{self.path.relative_to(FOLDER.parent).as_posix()}:"
        for clause in manifest.clauses():
            if clause.source.startswith(here):
                yield ClauseItem.from_parent(self, name=clause.id, clause=clause)


class ClauseItem(pytest.Item):
    """One clause, asked as `dlspec verify` asks it, so that both doors lead to the same result."""

    def __init__(self, *, clause: Clause, **parts: Any) -> None:
        """Know the clause, and answer to the name of its function, too."""
        super().__init__(**parts)
        self.clause = clause
        self.extra_keyword_matches.add(clause.body.__name__)

    def runtest(self) -> None:
        """Ask."""
        clauses = self.config.pluginmanager.get_plugin(_Clauses.NAME)
        assert isinstance(clauses, _Clauses)
        clauses.ask(self)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong, and no traceback through the machinery."""
        if isinstance(excinfo.value, _NotKept):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the clause stands."""
        return self.path, int(self.clause.source.rpartition(":")[2]) - 1, self.name


class _Clauses:
    """What the plugin does once it has an implementation."""

    NAME = "dlspec-clauses"

    def __init__(self, target: str, impl: Implementation, declared: dict[str, Divergence]) -> None:
        self.target = target
        self.impl = impl
        self._declared = declared
        self._came_of: dict[str, str] = {}

    def pytest_report_header(self) -> str:
        version = f" {self.impl.version}" if self.impl.version else ""
        return f"dlspec: {self.impl.name}{version}, claims {', '.join(self.impl.claims)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Find the clauses whatever the repository's `norecursedirs` is."""
        return False if collection_path.is_relative_to(FOLDER) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        """Collect clauses whatever the repository's `python_files` and `python_functions` are."""
        found = yield
        if file_path.is_relative_to(FOLDER) and file_path.match("test_*.py"):
            return [ClauseFile.from_parent(parent, path=file_path)]
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out profiles that aren't claimed."""
        left_out = [item for item in items if isinstance(item, ClauseItem) and not self._claimed(item.clause)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]

    def _claimed(self, clause: Clause) -> bool:
        return clause.profile in self.impl.claims

    def ask(self, item: ClauseItem) -> None:
        """Ask the clause of an item; return if it is kept, else raise what pytest makes an outcome of."""
        from dlspec.runner.judge import ask
        from dlspec.runner.result import Status
        from dlspec.runner.verdict import settled
        from dlspec.runner.words import failure_lines

        clause = item.clause
        # Here a Ctrl-C may be a real one.
        result, raised = ask(clause, self.impl, pass_on=KeyboardInterrupt)
        declared = self._declared.get(clause.id)
        status = settled(result.status, declared is not None)
        item.user_properties += [("clause", clause.id), ("level", clause.level), ("status", str(status))]
        if status is Status.PASS:
            return
        if status is Status.DIVERGES and declared is not None:
            pytest.xfail(f"declared divergence: {declared.reason}")
        if clause.level == "SHOULD" and status is not Status.STALE_DIVERGENCE:
            pytest.xfail(f"a SHOULD that isn't kept: {result.message}")
        raise _NotKept("\n".join(failure_lines(clause, _told(result, status), status))) from raised

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what came of a clause, wherever it was asked."""
        properties = dict(report.user_properties)
        if report.when == "call" and "clause" in properties:
            self._came_of[str(properties["clause"])] = str(properties["status"])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how much was asked: what is skipped or deselected is not in the other counts."""
        from dlspec import manifest

        if terminalreporter.config.option.collectonly:
            return
        claimed = sum(self._claimed(clause) for clause in manifest.clauses())
        counted = Counter(self._came_of.values()).most_common()
        terminalreporter.write_sep("-", "dlspec")
        terminalreporter.write_line(
            f"{len(self._came_of)} of {claimed} claimed clauses were asked"
            + "".join(f", {count} {status}" for status, count in counted)
        )
        terminalreporter.write_line(f"The verdict is that of: dlspec verify {shlex.quote(self.target)}")


def _told(result: Result, status: Status) -> Result:
    """The result with what is to be said of a declaration that has become untrue."""
    from dlspec.runner.result import Result, Status

    if status is not Status.STALE_DIVERGENCE:
        return result
    return Result(result.id, status, message="It holds, though it is declared as a divergence.")
