"""A deal as one version sees it.

What only other versions of the model take is no fault: it is left out for this one, and listed as unused. So callers
send a new feature or key before the first version that takes it looks on or answers, and nobody is refused when that
version is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flows.deciding.terms import Terms
from scoring.faults import Fault, pointer_to
from scoring.features import MAX_CATEGORY_CHARACTERS, EncodedRow, is_plain
from scoring.model import Model

NOT_PLAIN = f"Must be a string of at most {MAX_CATEGORY_CHARACTERS} characters, a number, true, false or null."


def encode_deal(model: Model, features: Mapping[str, object], terms: Terms) -> tuple[EncodedRow, list[Fault]]:
    """What the model's trees see of a deal under these terms, and every fault of it."""
    row, faults = model.encode(features, model.look_up(features, terms.tables))
    unused = [name for name in features if name in terms.taken and name not in model.takes] if faults else []
    if not unused:
        return row, faults
    odd = [Fault(pointer_to("features", name), NOT_PLAIN) for name in unused if not is_plain(features[name])]
    shown = {name: value for name, value in features.items() if name not in unused}
    row, faults = model.encode(shown, model.look_up(shown, terms.tables))
    return replace(row, unused=tuple(unused)), [*faults, *odd]
