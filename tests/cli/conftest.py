"""The command line as a person calls it."""

import pytest

from gnlab import cli


@pytest.fixture
def run(capsys):
    """Calls the command line; its exit code, what it printed and what it complained."""

    def call(*arguments):
        code = cli.main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def fails(run):
    """Calls the command line with a mistake; the one line that says which."""

    def call(*arguments):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.startswith("gnlab: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return call
