"""`write_to` of a trigger that accounts enter: which of their contacts gets the messages."""

from __future__ import annotations

from relance.domain.trigger import WriteTo
from relance.spec.names import EVENT
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import Choice, Either, Flag, ListOf, Text, made


class LastYaml(Record[str]):
    """Who did something last."""

    what = "a mapping such as {last: order}"
    last = required(EVENT, "The event; who has the latest one comes first.")

    def build(self) -> str:
        return self.last


class WriteToYaml(Record[WriteTo]):
    """Whom of the account's contacts the messages go to: the first who may be written to."""

    what = "a mapping such as {role: [buyer, owner]}"
    role: Key[tuple[str, ...]] = optional(
        ListOf(Text("a role"), "roles", single=True),
        "Roles as `customers.role` has them, the first choice first.",
        default=(), shown="any contact",
    )  # fmt: skip
    others = optional(
        Flag(), "Whether contacts of no such role come after them.", default=False, shown="false"
    )
    then = optional(
        Either(made(Choice("last_active"), lambda _spot, _word: ""), Of(LastYaml)),
        "Who comes first among equals: whoever did anything last, or had the latest of one "
        "event (`{last: order}`); then by key.",
        default="", shown="last_active",
    )  # fmt: skip

    def build(self) -> WriteTo:
        if self.role and not self.spot.scope.has_roles:
            self.below("role").note("no column tells roles", "add customers.role")
        if self.others and not self.role:
            self.below("others").note("there are no roles to be another than", "add role:")
        return WriteTo(roles=self.role, others=self.others, event=self.then or None)
