"""Where entrants meet: an address in both arms of a study, a customer in two triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relance.domain.study import PROGRAMME, Study
from relance.engine.entrants import Entrants
from relance.engine.layout import Layout
from relance.engine.workbench import Workbench
from relance.uplift.outcomes import Key, Pair


def count_shared(
    workbench: Workbench, entrants: Entrants, studies: Sequence[Study]
) -> dict[Key, int]:
    """Entrants of each study whose address another customer in its other arm has too: an address
    that the study's messages go to."""
    reached = [
        f"({place}, {kind == 'phone'})"
        for place, study in enumerate(studies)
        for kind in sorted(study.addresses)
    ]
    if not reached:
        return dict.fromkeys((study.key for study in studies), 0)
    sql = _SHARED.format(people=entrants.people, first=entrants.first, reached=", ".join(reached))
    found = {row["study"]: row["entrants"] for row in workbench.rows(sql)}
    return {study.key: found.get(place, 0) for place, study in enumerate(studies)}


# few addresses are anybody else's: only those are followed
_SHARED = """
WITH known AS (
  SELECT key, false AS phone, lower(email) AS address FROM {people} WHERE email IS NOT NULL
  UNION ALL
  SELECT key, true, regexp_replace(phone, '[^0-9]', '', 'g') FROM {people} WHERE phone IS NOT NULL
), doubled AS (
  SELECT phone, address FROM known WHERE address <> '' GROUP BY phone, address HAVING count(*) > 1
), reached AS (
  SELECT * FROM (VALUES {reached}) AS r (study, phone)
), entered AS (
  SELECT f.rowid AS id, f.study, f.holdout, f.key, k.phone, k.address
  FROM {first} AS f JOIN known AS k ON k.key = f.key
  SEMI JOIN doubled AS d ON d.phone = k.phone AND d.address = k.address
  SEMI JOIN reached AS r ON r.study = f.study AND r.phone = k.phone
), arms AS (
  SELECT study, phone, address, holdout, min(key) AS one, max(key) AS other
  FROM entered GROUP BY study, phone, address, holdout
)
SELECT e.study, count(DISTINCT e.id) AS entrants
FROM entered AS e JOIN arms AS a
  ON a.study = e.study AND a.phone = e.phone AND a.address = e.address
  AND a.holdout <> e.holdout AND (a.one <> e.key OR a.other <> e.key)
GROUP BY e.study
"""


def count_pairs(workbench: Workbench, first: str, studies: Sequence[Study]) -> list[Pair]:
    """Triggers with customers in common, each in the version that comes first in the list."""
    present: dict[str, int] = {}
    for place, study in enumerate(studies):
        if study.trigger != PROGRAMME:
            present.setdefault(study.trigger, place)
    if len(present) < 2:
        return []
    both = {
        (row["one"], row["other"]): row["customers"]
        for row in workbench.rows(_pairs(first, present))
    }
    names = list(present)
    return [
        Pair(
            one=names[one],
            other=names[other],
            entered_one=both[one, one],
            entered_other=both[other, other],
            both=customers,
        )
        for (one, other), customers in sorted(both.items())
        if one < other
    ]


def _pairs(first: str, present: Mapping[str, int]) -> str:
    """SQL for how many customers each pair of triggers has, by their places in `present`.

    Each customer becomes one row of bits; there are few different ones.
    """
    layout = Layout.of(list(present))
    masks = ", ".join(
        f"bit_or(CASE study {_values(layout, present, column)} ELSE 0 END::BIGINT) AS m{column}"
        for column in range(layout.columns)
    )
    places = ", ".join(
        f"({place}, {layout.bits[name].column}, {layout.bits[name].value})"
        for place, name in enumerate(present)
    )
    columns = " ".join(f"WHEN {column} THEN m{column}" for column in range(layout.columns))
    studies = ", ".join(map(str, present.values()))
    return f"""
WITH customers AS (
  SELECT {masks} FROM {first} WHERE study IN ({studies}) GROUP BY customer
), masks AS (
  SELECT *, row_number() OVER () AS mask FROM (
    SELECT *, count(*) AS customers FROM customers GROUP BY ALL
  )
), bits AS (
  SELECT m.mask, m.customers, p.place
  FROM masks AS m, (VALUES {places}) AS p (place, col, bit)
  WHERE (CASE p.col {columns} END & p.bit) <> 0
)
SELECT a.place AS one, b.place AS other, sum(a.customers)::BIGINT AS customers
FROM bits AS a JOIN bits AS b ON b.mask = a.mask AND b.place >= a.place GROUP BY ALL
"""


def _values(layout: Layout, present: Mapping[str, int], column: int) -> str:
    return " ".join(
        f"WHEN {study} THEN {layout.bits[name].value}"
        for name, study in present.items()
        if layout.bits[name].column == column
    )
