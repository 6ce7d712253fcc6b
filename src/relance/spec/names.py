"""Names that another key or another file defines."""

from __future__ import annotations

from relance.spec.shapes import JsonSchema, Shape, Text
from relance.spec.spot import Spot


class Reference(Shape[str]):
    """The name of something that another key or file defines."""

    def __init__(self, noun: str, known: str) -> None:
        self._noun = noun
        self._known = known  # the Scope's field

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        return spot.known(name, getattr(spot.scope, self._known), self._noun)

    def schema(self) -> JsonSchema:
        return {"type": "string"}

    @property
    def says(self) -> str:
        return f"the name of {'an' if self._noun[0] in 'aeiou' else 'a'} {self._noun}"


ATTRIBUTE = Reference("attribute", "attributes")
EVENT = Reference("event", "events")
SEGMENT = Reference("segment", "segments")
