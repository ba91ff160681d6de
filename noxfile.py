"""What there is to run, and where it runs: `nox --list`.

Every session makes an environment of its own under `.nox`, and leaves nothing in the tree that git would see.
A session over several Pythons takes those that this machine has; one is enough.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "spec", "examples", "verify", "faults", "build", "tests"]
nox.options.default_venv_backend = (
    "uv|virtualenv"  # uv makes an environment in a second, and need not be there
)
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
OLDEST = (3, 11)

LOWEST_NUMPY = {"3.11": "2.0", "3.12": "2.0", "3.13": "2.1", "3.14": "2.3"}
"""For each Python the oldest NumPy from 2.0 on that has wheels for it."""

UPGRADE_NO_MORE = ["--upgrade", "--upgrade-strategy=only-if-needed"]
"""What makes pip renew what is named, and not what that needs."""

PROGRAMS = ("cmd:node examples/other_languages/small.js",)
"""Implementations in other languages; this one needs Node."""


def interpreters() -> Iterator[tuple[str, Path]]:
    """Every Python on this machine that the project supports, with its version; the running one first."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], OLDEST[1] + 10)]
    candidates = [sys.executable, *filter(None, map(shutil.which, names))]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += [str(path) for path in sorted(pyenv.glob("versions/3.*/bin/python3"))]
    # Asked rather than believed: a shim may have no Python behind it.
    question = (
        "import sys; v = sys.version_info; "
        f"print('%d.%d' % v[:2] if v >= {OLDEST} and v.releaselevel == 'final' else '')"
    )
    for candidate in candidates:
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and (version := answer.stdout.strip()):
            yield version, Path(candidate)


FOUND = dict(reversed(list(interpreters())))
PYTHONS = sorted(FOUND, key=lambda version: int(version.partition(".")[2]))

# Nox looks interpreters up by name, and these need not be on the path.
os.environ["PATH"] = os.pathsep.join([*(str(FOUND[v].parent) for v in PYTHONS), os.environ["PATH"]])


def group(name: str) -> list[str]:
    """The tools of a session, as `pyproject.toml` has them."""
    return list(nox.project.dependency_groups(PROJECT, name))


def prepare(session: nox.Session, *requirements: str, extras: str = "spec", compiled: bool = False) -> None:
    """Install the project as it stands, and keep caches out of the tree.

    To compile all that is installed takes as long as to install it. It is done where programs know of no
    cache; elsewhere what is imported has to do.
    """
    bytecode = "--compile" if compiled else "--no-compile"
    session.install(bytecode, *requirements, "--editable", f".[{extras}]")
    quiet(session)


def quiet(session: nox.Session) -> None:
    """Have tools put what they write where the session's environment is."""
    cache = Path(session.create_tmp()).resolve()
    session.env.update(
        {
            "HYPOTHESIS_STORAGE_DIRECTORY": str(cache / "hypothesis"),
            "MYPY_CACHE_DIR": str(cache / "mypy"),
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(cache / "bytecode"),
            "RUFF_CACHE_DIR": str(cache / "ruff"),
        }
    )


def beside(session: nox.Session) -> None:
    """Have environments that a session makes beside its own use the bytecode that was installed with them.

    Workers keep none, and would compile all of PyTorch each time.
    """
    session.env.update({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": ""})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the spec's own bookkeeping."""
    prepare(session, *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("dlspec", "lint")
    session.run("dlspec", "freeze", "--check")


@nox.session(python=PYTHONS[:1])
def types(session: nox.Session) -> None:
    """Check the types of everything, strictly, on the oldest Python found."""
    prepare(session, *group("types"), extras="spec,autograd")
    session.run("mypy", *session.posargs)


@nox.session
@nox.parametrize(
    "python,numpy",
    [
        nox.param(python, numpy, id=f"{python}-{numpy}")
        for python in PYTHONS
        for numpy in ("lowest", "latest")
        if numpy == "latest" or python in LOWEST_NUMPY
    ],
)
def spec(session: nox.Session, numpy: str) -> None:
    """Hold the reference to the spec, on every Python found, with the oldest and the newest NumPy."""
    if numpy == "lowest":
        prepare(session, f"numpy~={LOWEST_NUMPY[str(session.python)]}.0")
    else:
        # Of an environment from last time NumPy alone is renewed.
        only = ["--upgrade-package=numpy"] if session.venv_backend == "uv" else UPGRADE_NO_MORE
        prepare(session, *only, "numpy")
    session.run(
        "pytest", "--pyargs", "dlspec.clauses", "--implementation", "deeplearning_framework", *session.posargs
    )


@nox.session(python=list(dict.fromkeys([*PYTHONS[:1], *PYTHONS[-1:]])))
def tests(session: nox.Session) -> None:
    """Run the tests of code, command line and README, on the oldest and the newest Python found."""
    # Homework is graded in an environment that nothing is known of.
    prepare(session, *group("tests"), extras="spec,autograd", compiled=True)
    session.run("pytest", *(session.posargs or ["-n", "auto", "--dist", "worksteal", "-m", "not node"]))


@nox.session
def verify(session: nox.Session) -> None:
    """Give the verdict on the reference, or on `-- TARGET ...`."""
    prepare(session, extras="spec,autograd")
    for target in session.posargs or ("deeplearning_framework",):
        judge(session, target)


@nox.session
def languages(session: nox.Session) -> None:
    """Give the verdict on programs in other languages, and run the tests that talk to them; needs Node."""
    prepare(session, *group("tests"))
    for target in PROGRAMS:
        judge(session, target)
    session.run("pytest", "-m", "node", *session.posargs)


def judge(session: nox.Session, target: str) -> None:
    """Have a target verified, and its report held to the schema."""
    report = Path(session.create_tmp()).resolve() / "report.json"
    session.run("dlspec", "verify", target, "--report", str(report))
    session.run("python", "-c", CHECK_REPORT, str(report))


CHECK_REPORT = """
import json, sys
from importlib.resources import files
from jsonschema import Draft202012Validator

report = json.load(open(sys.argv[1], encoding="utf-8"))
schema = json.loads(files("dlspec.runner").joinpath("report.schema.json").read_text(encoding="utf-8"))
Draft202012Validator(schema).validate(report)
if not report["complete"] or report["interrupted"]:
    sys.exit("the report is incomplete")
"""


@nox.session
def matrix(session: nox.Session) -> None:
    """Ask all that ships, or `-- NAME ...`, each in its own environment; `-- --renew` stores reports."""
    prepare(session)
    beside(session)
    place = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "tests.matrix", str(place), *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """See that planted faults are caught, and faults made at random."""
    prepare(session)
    session.run("dlspec", "faults", *session.posargs)
    if not session.posargs:
        session.run("dlspec", "random-faults", "200")


@nox.session
def variants(session: nox.Session) -> None:
    """See that correct variants of the reference pass every clause; takes a quarter of an hour."""
    prepare(session)
    session.run("dlspec", "variants", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Run each example, and the tests that it brings along."""
    prepare(session)
    scripts = sorted(str(path) for path in Path("examples").glob("*.py"))
    for script in scripts:
        session.run("python", script)
    session.run("pytest", *scripts)


@nox.session
def build(session: nox.Session) -> None:
    """Build wheel and sdist, and try the wheel in a fresh environment, far from the source."""
    session.install(*group("build"))
    quiet(session)
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place)
        # The wheel is built from the sdist, so both are complete or neither is.
        session.run("python", "-m", "build", "--outdir", str(outside / "dist"))
        (wheel,) = (outside / "dist").glob("*.whl")
        session.run("python", "-m", "venv", str(outside / "fresh"))
        scripts = outside / "fresh" / ("Scripts" if os.name == "nt" else "bin")
        python = str(scripts / "python")
        session.chdir(outside)

        session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
        session.run(python, "-m", "deeplearning_framework.example", external=True)
        session.run(str(scripts / "dlspec"), "--version", external=True, success_codes=[2])

        session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[spec]", external=True)
        session.run(str(scripts / "dlspec"), "--version", external=True)
        session.run(str(scripts / "dlspec"), "lint", external=True)
        session.run(str(scripts / "dlspec"), "verify", "deeplearning_framework", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, strictly; every cell on them is run, every formula typeset, every graph drawn."""
    session.log(f"the pages are in {built(session)}")


@nox.session
def site(session: nox.Session) -> None:
    """Build the pages and look at them: links, ids, weight, what is left out; and use them in a browser."""
    place = built(session)
    session.run("pytest", "tests/site", "tests/test_pages_chapters.py")
    session.run("python", "-m", "pagework.check_site", str(place))
    session.run("python", "-m", "pagework.literate")
    session.run("python", "-m", "pagework.chapters")
    runnable(session, place, "--required")
    session.install(*group("site"))
    session.run("pytest", "docs/machinery/browser", "--site", str(place), *session.posargs)


@nox.session
def serve(session: nox.Session) -> None:
    """Build the pages, with the Python that runs in them where it can be had, and show them in a browser."""
    place = built(session)
    runnable(session, place)
    session.run("python", "-m", "pagework.serve", str(place), *session.posargs)


def runnable(session: nox.Session, place: Path, *options: str) -> None:
    """Put Python into the built pages; what is fetched for it is kept for the next time."""
    cache = Path(session.cache_dir).resolve() / "python-for-pages"
    session.run("python", "-m", "pagework.runtime", str(place), "--cache", str(cache), *options)


@nox.session
def zensical(session: nox.Session) -> None:
    """Build the same pages with Zensical, which comes after MkDocs, and look at them likewise."""
    prepare(session, *group("docs"), *group("zensical"))
    session.run("python", "-m", "pagework.prepare")
    place = Path(session.create_tmp()).resolve() / "site"
    shutil.rmtree(place, ignore_errors=True)
    try:
        session.run("zensical", "build", "--clean", "--strict")
        # It builds into the tree, and can't be told otherwise.
        shutil.move("site", place)
    finally:
        for left in (".cache", "site"):
            shutil.rmtree(left, ignore_errors=True)
    # Its scripts name what they would ask if somebody wrote a notebook in a page; nobody does.
    session.run("python", "-m", "pagework.check_site", str(place), "assets/javascripts/")


def built(session: nox.Session) -> Path:
    """The pages, built from what git knows and from what npm's lock names."""
    prepare(session, *group("docs"))
    site = Path(session.create_tmp()).resolve() / "site"
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    session.run("python", "-m", "pagework.prepare")
    session.run("mkdocs", "build", "--strict", "--site-dir", str(site))
    return site


# One thread, and whatever kernel the library would choose by itself.
ALONE: dict[str, str | None] = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")),
}


@nox.session
def bench(session: nox.Session) -> None:
    """Time every op and a step of training; `-- --save` keeps it, `-- --compare` finds what got slower."""
    prepare(session, *group("bench"))
    quick = ["--benchmark-max-time=0.05", "--benchmark-min-rounds=3", "--benchmark-columns=median,iqr,rounds"]
    session.run("pytest", "benchmarks", *quick, *session.posargs, env=ALONE)


@nox.session
def peers(session: nox.Session) -> None:
    """Time a step of training beside other frameworks, each in its own environment; `-- --save` keeps it."""
    prepare(session)
    beside(session)
    place = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "benchmarks.peers", str(place), *session.posargs, env=ALONE)


@nox.session
def mutation(session: nox.Session) -> None:
    """Show which small mistakes in the reference the spec would miss; in dlspec's core, `-- dlspec`."""
    prepare(session, *group("mutation"))
    one_thread: dict[str, str | None] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    session.run("python", "-m", "tests.mutation", *session.posargs, env=one_thread)
