"""What the address of a page says, read so that no text in it can keep the page from opening."""

from typing import Any

import panel as pn
import panel.io.location

_parse = panel.io.location.parse_query


def arguments() -> dict[str, str]:
    """The names and values of the present request's query.

    Returns:
        The values by name, of a name that comes twice the last.
    """
    given = pn.state.session_args or {}
    return {name: values[-1].decode("utf-8", "replace") for name, values in given.items()}


def parsed(query: str) -> dict[str, Any]:
    """What Panel reads out of a query, nothing where it cannot.

    It does before a page is built, and with "²", which is a digit and no number, there would be
    no page.

    Args:
        query: The query, "?" included.

    Returns:
        Names and values, as Panel takes them.
    """
    try:
        return _parse(query)
    except ValueError:
        return {}


panel.io.location.parse_query = parsed
