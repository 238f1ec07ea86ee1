"""The link: choices as text, and text as choices, checked against type and bounds.

A link is anybody's text. What it says becomes a choice only if it is of the choice's type and
within its bounds; else it gives one line for a person and the default.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import param

from gnlab.errors import nearest

_LONGEST = 64


class Linked(param.Parameterized):
    """Choices that a link carries; each has a doc and, if it is a number, bounds."""

    def choose(self, name: str, value: Any) -> str:
        """Set one choice from outside.

        Args:
            name: The choice's name.
            value: The value.

        Returns:
            "" when taken, else what was given and what is valid, in one line.
        """
        try:
            setattr(self, name, value)
        except ValueError:
            kept = getattr(self, name)
            return f"{name} must be {self.valid(name)}; got {value!r}. It stays {kept!r}."
        return ""

    def valid(self, name: str) -> str:
        """What values a choice takes, in words.

        Args:
            name: The choice's name.

        Returns:
            The words.
        """
        kind = self.param[name]
        if isinstance(kind, param.Selector):
            return "one of " + ", ".join(str(one) for one in kind.objects)
        if isinstance(kind, param.Boolean):
            return "true or false"
        low, high = kind.bounds
        if isinstance(kind, param.Integer):
            return f"a whole number from {low} to {high}"
        return f"a number from {low:g} to {high:g}"

    def take(self, given: Mapping[str, str], names: Iterable[str]) -> list[str]:
        """Set those of the given texts that are valid.

        Args:
            given: A link's names and values.
            names: The choices to set, in this order.

        Returns:
            One line for each text that is not valid and was left out.
        """
        remarks = []
        for name in names:
            if name not in given:
                continue
            kind, text = self.param[name], given[name]
            valid = map(str, kind.objects) if isinstance(kind, param.Selector) else ()
            hint = nearest(text[:_LONGEST], valid)
            shown = repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
            remark = f"{name} must be {self.valid(name)}; got {shown}. It was left out.{hint}"
            value = _parse(kind, text)
            if value is None or self.choose(name, value):
                remarks.append(remark)
        return remarks


def given(query: str | Mapping[str, str]) -> dict[str, str]:
    """What a link says.

    Args:
        query: The link's query, or its names and values.

    Returns:
        The values by name, of a name that comes twice the last.
    """
    if isinstance(query, Mapping):
        return dict(query)
    return dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))


def query(values: Mapping[str, Any]) -> str:
    """The query of a link.

    Args:
        values: The choices by name.

    Returns:
        The query, "?" included.
    """
    return "?" + urlencode({name: _text(value) for name, value in values.items()}, safe=":")


def _text(value: Any) -> str:
    """A choice as a link's text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parse(kind: param.Parameter, text: str) -> Any:
    """A link's text as the parameter's type; None if it is not of that type."""
    if len(text) > _LONGEST:
        return None
    if isinstance(kind, param.Selector):
        return {str(one): one for one in kind.objects}.get(text)
    if isinstance(kind, param.Boolean):
        return {"true": True, "false": False}.get(text.lower())
    if isinstance(kind, param.Number):
        return _number(text, whole=isinstance(kind, param.Integer))
    return text


def _number(text: str, *, whole: bool) -> float | None:
    """A number, None if the text is none."""
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
