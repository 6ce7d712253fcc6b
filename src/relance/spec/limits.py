"""What protects a customer: how many messages, at which hours, after how many soft bounces."""

from __future__ import annotations

from relance.domain.workspace import BouncePolicy, FrequencyCap, Limits, QuietHours
from relance.spec.notations import CAP
from relance.spec.quiet import QUIET_WEEK
from relance.spec.record import Key, Record, optional
from relance.spec.shapes import ListOf


class LimitsYaml(Record[Limits]):
    """What protects a customer from too much."""

    what = "a mapping such as {per_customer: [3 per 7 days]}"
    per_customer: Key[tuple[FrequencyCap, ...]] = optional(
        ListOf(CAP, "limits", single=True),
        "At most so many messages to one customer in any such stretch of time.",
        default=(), shown="no limit",
    )  # fmt: skip
    per_account: Key[tuple[FrequencyCap, ...]] = optional(
        ListOf(CAP, "limits", single=True),
        "At most so many messages to all contacts of one account together.",
        default=(), shown="no limit",
    )  # fmt: skip
    quiet_hours: Key[tuple[QuietHours, ...]] = optional(
        QUIET_WEEK,
        "In these hours, in the customer's own time zone, nothing is sent.",
        default=(), shown="none",
    )  # fmt: skip

    def build(self) -> Limits:
        return Limits(
            per_customer=self.per_customer, per_account=self.per_account,
            quiet_hours=self.quiet_hours,
        )  # fmt: skip


_POLICY = BouncePolicy()


class BouncesYaml(Record[BouncePolicy]):
    """When an address that keeps bouncing is left alone. One that does not exist, and one whose
    owner complained, is left alone at once."""

    what = "a mapping such as {soft: 3 per 30 days}"
    soft = optional(
        CAP, "So many soft bounces (a full mailbox) in any such stretch of time suppress it.",
        default=FrequencyCap(count=_POLICY.count, per=_POLICY.per),
        shown=f"{_POLICY.count} per {_POLICY.per}",
    )  # fmt: skip

    def build(self) -> BouncePolicy:
        return BouncePolicy(count=self.soft.count, per=self.soft.per)
