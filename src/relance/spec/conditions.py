"""The condition language: `all`, `any`, `none` around the leaves `customer`, `event`, `segment`,
`rfm`, `stage`, `score` and `sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from relance.domain.condition import (
    AllOf,
    AnyOf,
    Condition,
    CustomerIs,
    NoneOf,
    OfAccount,
    SegmentIs,
    SqlIs,
    StageIs,
)
from relance.spec.accounts import AccountYaml, check_about
from relance.spec.event_leaf import EventYaml
from relance.spec.names import ATTRIBUTE, SEGMENT
from relance.spec.nodes import Fields, Items, Scalar, kind
from relance.spec.operators import Comparing
from relance.spec.record import Key, Record, record_schema, required
from relance.spec.rfm_leaf import RfmYaml
from relance.spec.score_leaf import ScoreYaml
from relance.spec.shapes import JsonSchema, ListOf, Shape, Text, listed
from relance.spec.spot import Broken, Spot, close

REFERENCE: JsonSchema = {"$ref": "#/definitions/condition"}


class ConditionShape(Shape[Condition]):
    """Any condition; which one, its keys say."""

    says = "a condition"

    def read(self, spot: Spot) -> Condition:
        return self.record(spot).build()

    def record(
        self, spot: Spot, extra: Mapping[str, Key[object]] | None = None
    ) -> Record[Condition]:
        """The record behind a condition; `extra` keys may stand beside it."""
        fields = self._fields(spot)
        heads = list(dict.fromkeys(key.text for key, _ in fields.pairs if key.text in FORMS))
        if len(heads) > 1:
            raise spot.broken(
                f"has {listed(heads, 'and')}, but a condition looks at one thing",
                "put a list of conditions under all:",
            )
        if not heads:
            raise self._headless(spot, fields)
        check_about(spot, heads[0])
        return FORMS[heads[0]](spot, extra)

    def _fields(self, spot: Spot) -> Fields:
        if isinstance(spot.node, Items):
            raise spot.broken("must be a condition, not a list", "put the list under all: or any:")
        if isinstance(spot.node, Scalar) and spot.node.value is not None:
            hint = f"write {{segment: {spot.node.shown}}}"
            known = spot.node.shown in (spot.scope.segments or ())
            raise spot.broken(
                f"must be a condition, not {kind(spot.node)}", hint if known else None
            )
        return spot.fields("a condition")

    def _headless(self, spot: Spot, fields: Fields) -> Broken:
        for key, _ in fields.pairs:
            if hint := close(key.text, FORMS):
                return spot.at(key.text, key).broken("unknown key", hint)
        return spot.broken(
            "does not say what it looks at", f"a condition has one of {listed(FORMS, 'or')}"
        )

    def schema(self) -> JsonSchema:
        return dict(REFERENCE)


CONDITION = ConditionShape()
_CONDITIONS = ListOf(CONDITION, "conditions")


class AllYaml(Record[Condition]):
    """Every one of the conditions holds."""

    what = "a condition"
    all = required(_CONDITIONS, "Conditions that must all hold.")

    def build(self) -> Condition:
        return AllOf(self.all)


class AnyYaml(Record[Condition]):
    """At least one of the conditions holds."""

    what = "a condition"
    any = required(_CONDITIONS, "Conditions of which at least one must hold.")

    def build(self) -> Condition:
        return AnyOf(self.any)


class NoneYaml(Record[Condition]):
    """None of the conditions holds."""

    what = "a condition"
    none = required(_CONDITIONS, "Conditions of which none may hold.")

    def build(self) -> Condition:
        return NoneOf(self.none)


class CustomerYaml(Comparing[Condition]):
    """An attribute of the customer, with operators."""

    what = "a condition"
    customer = required(
        ATTRIBUTE, "An attribute from `customers` in relance.yaml, also `email`, `phone`, …"
    )

    def build(self) -> Condition:
        return CustomerIs(self.customer, self.comparisons())


class SegmentYaml(Record[Condition]):
    """Membership of a named segment at the same instant."""

    what = "a condition"
    segment = required(SEGMENT, "A segment from config/segments.yaml.")

    def build(self) -> Condition:
        spot = self.spot
        if (
            spot.of_accounts
            and not spot.in_step
            and self.segment not in spot.scope.account_segments
        ):
            self.below("segment").note(
                f"{self.segment} is a segment of customers, and the members here are accounts",
                "add members: accounts to it, if it is about accounts",
            )
        return SegmentIs(self.segment)


class StageShape(Shape[str]):
    """A lifecycle stage by what it is called."""

    says = "the name of a lifecycle stage"

    def read(self, spot: Spot) -> str:
        name, stages = Text(self.says).read(spot), spot.scope.stages
        if stages is not None and not stages:
            raise spot.broken("there are no stages", "config/segments.yaml wants a `lifecycle:`")
        spot.known(name, stages, "stage")
        return (stages or {}).get(name, name)

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class StageYaml(Record[Condition]):
    """The lifecycle stage at the same instant: one, or one of several."""

    what = "a condition"
    stage = required(
        ListOf(StageShape(), "stages", single=True),
        "A stage of `lifecycle:` in config/segments.yaml, or a list of them.",
    )

    def build(self) -> Condition:
        return StageIs(tuple(sorted(set(self.stage))))


_QUERY = Text(
    "a query that begins with SELECT or WITH",
    r"(?is)\s*(select|with)\b.*",
    "in the source's dialect",
)


class SqlYaml(Record[Condition]):
    """The way out: a query of your own, in the source's dialect; `:at` stands for the instant."""

    what = "a condition"
    sql = required(
        _QUERY, "The query; its first column holds the keys of the customers who are meant."
    )

    def build(self) -> Condition:
        asked = SqlIs(self.sql)
        return OfAccount(asked) if self.spot.of_accounts and not self.spot.in_step else asked


FORMS: dict[str, type[Record[Condition]]] = {
    "all": AllYaml,
    "any": AnyYaml,
    "none": NoneYaml,
    "customer": CustomerYaml,
    "account": AccountYaml,
    "event": EventYaml,
    "segment": SegmentYaml,
    "rfm": RfmYaml,
    "stage": StageYaml,
    "score": ScoreYaml,
    "sql": SqlYaml,
}


def condition_schema(extra: JsonSchema | None = None) -> JsonSchema:
    """Every form a condition can take; `extra` properties may stand beside it."""
    forms: list[JsonSchema] = []
    for record in FORMS.values():
        form = record_schema(record.keys())
        form["description"] = (record.__doc__ or "").strip()
        form["properties"] = {**cast(JsonSchema, form["properties"]), **(extra or {})}
        forms.append(form)
    return {"anyOf": forms}
