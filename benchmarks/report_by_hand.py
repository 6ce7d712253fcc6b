"""The limit of the report: the same sums of the same entries, written by hand in DuckDB SQL.

One pass over the orders for all triggers; nothing is judged. Prints seconds and some sums.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

_FIRST = """
create temp table first as
select row_number() over () as id, *, date_trunc('week', entry)::date as week,
       entry - interval 90 day as d90_before, entry - interval 180 day as lapse,
       entry + interval 90 day as d90_after,
       entry + interval 30 day as own_end, entry - interval 30 day as own_start,
       least(90, (epoch(timestamptz '{at}') - epoch(entry)) // 86400) as days
from (
  select trigger, version, customer_id, min("at") as entry, arg_min(arm, "at") as arm
  from read_parquet('{root}/entries.parquet')
  where "at" <= timestamptz '{at}' group by all
)
"""
_FACTS = """
create temp table facts as
select f.*, coalesce(e.orders, 0) as orders, coalesce(e.orders_before, 0) as orders_before,
       coalesce(e.spent, 0) as spent, coalesce(e.spent_before, 0) as spent_before,
       ceil((epoch(e.back) - epoch(entry)) / 86400) as back,
       floor((epoch(entry) - epoch(e.last)) / 86400) + 1 as last,
       e.last is null or e.last <= lapse as lapsed, own_end <= timestamptz '{at}' as closed
from first f left join (
  select f.id,
         min(o.ordered_at) filter (o.ordered_at > entry) as back,
         max(o.ordered_at) filter (o.ordered_at <= entry) as last,
         count(*) filter (o.ordered_at > entry and o.ordered_at <= own_end) as orders,
         count(*) filter (o.ordered_at <= entry and o.ordered_at > own_start) as orders_before,
         sum(o.total) filter (o.ordered_at > entry and o.ordered_at <= own_end) as spent,
         sum(o.total) filter (o.ordered_at <= entry and o.ordered_at > own_start) as spent_before
  from first f join read_parquet('{data}/orders.parquet') o
    on o.customer_id = f.customer_id and o.ordered_at > f.lapse
   and o.ordered_at <= least(timestamptz '{at}', f.d90_after)
  group by f.id
) e using (id)
"""
_WINDOW = """
count(*) filter (days >= {n}), count(*) filter (days >= {n} and back <= {n}),
count(*) filter (days >= {n} and last <= {n}),
count(*) filter (days >= {n} and back <= {n} and last <= {n})
"""
_WEEKS = """
select trigger, version, arm, week, count(*),
  {windows},
  count(*) filter (closed), count(*) filter (closed and orders > 0),
  count(*) filter (closed and lapsed), count(*) filter (closed and lapsed and orders > 0),
  avg(orders) filter (closed), var_samp(orders) filter (closed),
  avg(orders_before) filter (closed), var_samp(orders_before) filter (closed),
  covar_samp(orders, orders_before) filter (closed),
  avg(spent) filter (closed), var_samp(spent) filter (closed),
  avg(spent_before) filter (closed), var_samp(spent_before) filter (closed),
  covar_samp(spent, spent_before) filter (closed)
from facts group by all
"""
_AGES = """
select trigger, arm, least(back, days + 1), days, count(*) from facts group by all
"""
_SPEND = """
with caps as (
  select trigger, quantile_cont(spent, 0.95) as cap from facts where closed and spent > 0 group by 1
), means as (
  select trigger, arm, avg(spent) as mean from facts where closed group by 1, 2
)
select trigger, arm, count(*), count(*) filter (spent > 0), avg(spent), var_samp(spent),
       avg(least(spent, cap)), var_samp(least(spent, cap)), sum(power(spent - mean, 3))
from facts join caps using (trigger) join means using (trigger, arm) where closed group by all
"""
_BUYERS = """
with small as (
  select trigger from facts where closed and spent > 0 and arm = 'holdout'
  group by 1 having count(*) <= 500
)
select trigger, arm, spent from facts semi join small using (trigger) where closed and spent > 0
"""
_SUMS = """
select trigger, count(*), count(*) filter (closed and orders > 0), sum(spent) filter (closed)
from facts group by 1 order by 1
"""


def main(root: Path, data: Path, at: str) -> None:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    windows = ", ".join(_WINDOW.format(n=days) for days in (7, 30, 60, 90))
    started = time.perf_counter()
    for sql in (_FIRST, _FACTS):
        connection.execute(sql.format(root=root, data=data, at=at))
    for sql in (_WEEKS.format(windows=windows), _AGES, _SPEND, _BUYERS):
        connection.execute(sql).fetchall()
    seconds = time.perf_counter() - started
    rows = connection.execute(_SUMS).fetchall()
    sums = {trigger: [entered, retained] for trigger, entered, retained, _ in rows}
    revenue = sum(row[3] for row in rows)
    print(json.dumps({"seconds": seconds, "sums": sums, "revenue": revenue}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
