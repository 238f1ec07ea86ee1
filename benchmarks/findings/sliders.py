"""Two sliders on one page, the lab's own kind and Panel's; the server notes each new value.

python -m benchmarks.findings.sliders --port N --journal FILE
"""

import argparse
import time
from collections.abc import Sequence

import panel as pn

from benchmarks.findings.journal import Journal
from gnlab.lab import widgets

PLACES = 1000
NAMES = ("bokeh", "panel")


def page(journal: Journal) -> pn.Column:
    """Build the page.

    Args:
        journal: Where to note each value with the time at which the server has it.

    Returns:
        The two sliders.
    """

    def note(name: str, value: float) -> None:
        journal.add("value", of=name, value=value, at=1000 * time.time())

    ours = widgets.slider("bokeh", "Bokeh", 0, PLACES, 0)
    ours.on_change("value", lambda _attribute, _old, new: note("bokeh", new))
    panels = pn.widgets.IntSlider(name="Panel", start=0, end=PLACES, value=0)
    panels.param.watch(lambda event: note("panel", event.new), "value")
    return pn.Column(ours, panels, width=600)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until terminated.

    Args:
        arguments: The command line's; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Journal, required=True)
    given = parser.parse_args(arguments)
    pn.serve(lambda: page(given.journal), port=given.port, address="localhost", show=False)


if __name__ == "__main__":
    main()
