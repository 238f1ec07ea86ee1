"""The project's checks by name: ``nox --list``.

``.ci/run`` calls ``lint`` and, through the README, what ``tests`` does.
"""

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint"]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests in a new environment; what follows ``--`` goes to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=["3.11"], venv_backend="uv")
def minimum(session: nox.Session) -> None:
    """Run the tests with the lowest version of every direct dependency that we promise."""
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Run the linters of the ``dev`` extra in the environment that nox itself runs in."""
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")  # the cache can be of another tree
    session.run("pydoclint", "gnlab")
