"""Studies of triggers that accounts enter: the same counting, over accounts and their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.accounts import ACCOUNT
from relance.domain.duration import Duration
from relance.domain.study import Study
from relance.domain.trigger import Trigger
from relance.engine.entrants import with_owners
from relance.engine.profile import Profiles
from relance.engine.studies import count_studies
from relance.engine.workbench import Workbench
from relance.uplift.outcomes import Outcomes


def count_all(
    workbench: Workbench,
    profiles: Profiles,
    entries: pa.Table,
    studies: Sequence[Study],
    optouts: pa.Table,
    lapsed_after: Duration,
) -> Outcomes:
    """Those of customers, and those of accounts. See `relance.pipeline.ports.Engine.study`."""
    triggers = profiles.workspace.triggers
    theirs = [study for study in studies if _of_accounts(study, triggers)]
    if not theirs:
        return count_studies(workbench, profiles, entries, studies, optouts, lapsed_after)
    own = [study for study in studies if study not in theirs]
    mine = count_studies(workbench, profiles, entries, own, optouts, lapsed_after)
    accounts = as_accounts(with_owners(profiles, entries))
    contacts = accounts.select(["contact", "customer"])
    # the wish of a contact who was picked is the account's; both under whatever id
    lost = with_owners(profiles, optouts).join(
        contacts.group_by(["contact", "customer"]).aggregate([]),
        "customer",
        "contact",
        join_type="inner",
        right_suffix="_account",
    )
    told = pa.table({"customer": lost["customer_account"], "at": lost["at"]})
    others = count_studies(
        workbench, profiles.accounts, accounts.drop_columns("contact"), theirs, told, lapsed_after
    )
    return Outcomes(
        entered=[*mine.entered, *others.entered],
        cells=[*mine.cells, *others.cells],
        ages=[*mine.ages, *others.ages],
        spend=[*mine.spend, *others.spend],
        planned={**mine.planned, **others.planned},
        shared={**mine.shared, **others.shared},
        pairs=[*mine.pairs, *others.pairs],
    )


def _of_accounts(study: Study, triggers: Mapping[str, Trigger]) -> bool:
    trigger = triggers.get(study.trigger)
    return trigger is not None and trigger.of_accounts


def as_accounts(entries: pa.Table) -> pa.Table:
    """The entries of accounts, each with its account as the customer, who was the `contact`."""
    own = entries.filter(pc.starts_with(pc.fill_null(entries["unit"], ""), ACCOUNT))
    keys = pc.replace_substring_regex(own["unit"], f"^{ACCOUNT}", "")
    contact = own["customer"]
    place = own.schema.get_field_index("customer")
    return own.set_column(place, "customer", keys).append_column("contact", contact)
