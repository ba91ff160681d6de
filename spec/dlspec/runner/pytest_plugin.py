"""The same clauses through pytest, a second door to them.

    pytest --pyargs dlspec.clauses --implementation mypackage

`-k`, xdist, JUnit files and whatever else pytest has then work on clauses. The verdict is still that of
`dlspec verify`, where no conftest.py can interfere and a crash is one clause's.

pytest loads this module wherever the distribution is installed, so it imports nothing before the option is
given, and does nothing without it.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.implementation import Divergence, Implementation
    from dlspec.runner.result import Result, Status

CLAUSES = "dlspec.clauses."


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
        config.pluginmanager.register(clauses)
        config.pluginmanager.register(_fixture_of(clauses.impl))


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
    except TargetError as error:
        own = "" if error.__cause__ is None else f"\n{users_traceback(error.__cause__)}"
        raise pytest.UsageError(f"--implementation {target}: {error}{own}") from None
    except BrokenAdapter as error:
        raise pytest.UsageError(f"--implementation {target}: the adapter is broken: {error}") from None
    except Stop as stop:
        raise pytest.UsageError(str(stop)) from None
    return _Clauses(impl, declared)


class _NotKept(Exception):
    """A clause isn't kept; `str` is what is shown of it."""


def _fixture_of(impl: Implementation) -> ModuleType:
    """A module with the fixture `impl`: in this one, every pytest run would see a fixture of that name."""

    @pytest.fixture(scope="session", name="impl")
    def implementation() -> Implementation:
        """The implementation that the clauses are asked of."""
        return impl

    module = ModuleType("dlspec.runner.pytest_fixture")
    vars(module)["implementation"] = implementation
    return module


class _Clauses:
    """What the plugin does once it has an implementation."""

    def __init__(self, impl: Implementation, declared: dict[str, Divergence]) -> None:
        self.impl = impl
        self._declared = declared

    def pytest_report_header(self) -> str:
        version = f" {self.impl.version}" if self.impl.version else ""
        return f"dlspec: {self.impl.name}{version}, claims {', '.join(self.impl.claims)}"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each row of the catalogue that a law applies to."""
        law = getattr(metafunc.function, "law", None)
        if law is not None and "op" in metafunc.fixturenames:
            ops = [clause.op for clause in law]
            metafunc.parametrize("op", ops, ids=[op.name for op in ops])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out profiles that aren't claimed, and let `-k` know the clauses' ids."""
        kept: list[pytest.Item] = []
        left_out: list[pytest.Item] = []
        for item in items:
            clause = _clause_of(item)
            if clause is None:
                kept.append(item)
                continue
            item.extra_keyword_matches.add(clause.id)
            (kept if clause.profile in self.impl.claims else left_out).append(item)
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = kept

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Ask a clause as `dlspec verify` does, so that both doors lead to the same result."""
        from dlspec.runner.judge import ask
        from dlspec.runner.result import Status
        from dlspec.runner.verdict import settled
        from dlspec.runner.words import failure_lines

        clause = _clause_of(pyfuncitem)
        if clause is None:
            return None
        # Here a Ctrl-C may be a real one.
        result, raised = ask(clause, self.impl, pass_on=KeyboardInterrupt)
        declared = self._declared.get(clause.id)
        status = settled(result.status, declared is not None)
        pyfuncitem.user_properties += [
            ("clause", clause.id),
            ("level", clause.level),
            ("status", str(status)),
        ]
        if status is Status.PASS:
            return True
        if status is Status.DIVERGES and declared is not None:
            pytest.xfail(f"declared divergence: {declared.reason}")
        if clause.level == "SHOULD" and status is not Status.STALE_DIVERGENCE:
            pytest.xfail(f"a SHOULD that isn't kept: {result.message}")
        raise _NotKept("\n".join(failure_lines(clause, _told(result, status), status))) from raised

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show what is wrong, and no traceback through the machinery."""
        report = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, _NotKept):
            report.longrepr = str(call.excinfo.value)
        return report


def _told(result: Result, status: Status) -> Result:
    """The result with what is to be said of a declaration that has become untrue."""
    from dlspec.runner.result import Result, Status

    if status is not Status.STALE_DIVERGENCE:
        return result
    return Result(result.id, status, message="It holds, though it is declared as a divergence.")


def _clause_of(item: pytest.Item) -> Clause | None:
    """The clause behind a test; None for anybody else's test."""
    if not isinstance(item, pytest.Function):
        return None
    function = item.function
    clause: Clause | None = getattr(function, "clause", None)
    law = getattr(function, "law", None)
    if law is not None and hasattr(item, "callspec"):
        clause = law.clause_of(item.callspec.params["op"])
    return clause
