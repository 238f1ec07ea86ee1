"""What a parameter's name says: the layer that it is of, and what it is there."""

import re

_MADE_OF = re.compile(r"(?:(.*)\.)?parametrizations\.([^.]+)\.original\d*")


def home(name: str) -> tuple[str, str]:
    """A parameter's home.

    What ``torch.nn.utils.parametrize`` makes a layer's parameter of is in a module of its own
    within the layer; it belongs to the layer, under the name of what is made of it.

    Args:
        name: The parameter's name in the model.

    Returns:
        The layer's name, "" for the model itself, and the parameter's name there.
    """
    made = _MADE_OF.fullmatch(name)
    if made:
        return made[1] or "", made[2]
    layer, _, last = name.rpartition(".")
    return layer, last
