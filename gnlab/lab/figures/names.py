"""The groups' names as tick labels."""

import re


def short_name(name: str, most: int = 11) -> str:
    """A group's name as a tick label: "layer3.weight" becomes "layer3 W".

    Args:
        name: The name; of a group of units it goes on with the units, as in "layer3.weight[0:4]".
        most: The letters there is room for; of a longer one the words are told by their initials,
            and if that is not enough, its end, which tells more.

    Returns:
        The label.
    """
    for kind, letter in ((".weight", " W"), (".bias", " b")):
        layer, found, units = name.rpartition(kind)
        if found and (not units or units.startswith("[")):
            short = re.sub(r"([^\W\d])[^\W\d]+", r"\1", layer) + letter + units
            whole, close = layer + letter + units, short.replace(" ", "", 1)
            shorter = (
                one for one in (whole, short, close, close.replace(" ", "")) if len(one) <= most
            )
            name = next(shorter, short)
    return name if len(name) <= most else "…" + name[1 - most :]
