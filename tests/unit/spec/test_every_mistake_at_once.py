"""One workspace with many mistakes: each is named, at its place, in the order of the files."""

# ruff: noqa: E501
from __future__ import annotations

RELANCE = """\
version: 2
timezone: Europe/Pariss
locale: fr
currency: EURO
source: data/
sauce: data/
customers:
  table: customers
  email: mail
  consent: {email: false}
  attributes: [first_name, shoe size]
  table: clients
events:
  order: {table: orders, customer: id, at: day, amount: total, fields: {kind: category}}
  Visit: {table: visits, customer: id}
channels:
  email: {provider: post, token: hunter2, port: many, mode: sfot, from: nobody}
  sms: {provider: post, from: Shop}
  fax: {provider: outbox}
limits: {per_customer: [3 per 7 days, three per week], quiet_hours: 20:00-20:00}
global_holdout: 30%
"""
SEGMENTS = """\
version: 1
rfm: {event: ordre, monetary: sum}
segments:
  a: {segment: b}
  b: {all: [{segment: a}, {customer: shoe_size, exists: yes}]}
  c: {event: order, count: {at_least: many}, where: {colour: red}}
  d: {event: order, count: {at_leest: 3}, sum: {at_least: 3}}
  e: {event: order, since: entry}
  f: {custmer: country, is: FR}
  g: {customer: country}
  h: {customer: first_name, between: [3, 1], in: FR}
  i: {rfm: {recency: 6}}
  j: {event: order, last: {before: 90 dayz}}
  a: {segment: c}
"""
TRIGGER = """\
version: 1
name: welcom
segment: loyl
on: {form: a, to: b}
schedule: "0 25 * * *"
reentry: sometimes
priority: 101
steps:
  - wait: -1 days
  - send: {channel: emial, templat: welcome}
  - send: {channel: sms, template: welcome}
    unless: {event: order, since: yesterday}
holdout: 10
goal: {event: oder, within: 30 days}
"""
EXPECTED = """\
config/relance.yaml:1:10: version: 2 is not a version that this relance knows (write version: 1)
config/relance.yaml:2:11: timezone: 'Europe/Pariss' is not an IANA time zone such as `Europe/Paris` (did you mean Europe/Paris?)
config/relance.yaml:4:11: currency: 'EURO' is not a currency such as `EUR` (did you mean EUR?)
config/relance.yaml:6:1: sauce: unknown key
config/relance.yaml:8:3: customers.key: is missing (the column that tells customers apart)
config/relance.yaml:8:3: customers.phone: is missing, but triggers/welcome.yaml sends sms (say which column it is)
config/relance.yaml:10:12: customers.consent.sms: is missing, but triggers/welcome.yaml sends sms (say consent: {sms: column}, or {sms: true} if everybody consented)
config/relance.yaml:10:20: customers.consent.email: nobody could ever be written to (leave the channel out instead)
config/relance.yaml:11:28: customers.attributes.1: the column 'shoe size' cannot be a name (write a mapping: {name: the column})
config/relance.yaml:12:3: customers.table: duplicate key (first on line 8)
config/relance.yaml:15:3: events.Visit: is not a name (lowercase letters, digits and underscores, beginning with a letter)
config/relance.yaml:15:10: events.Visit.at: is missing (the column with the instant (or the day) it happened)
config/relance.yaml:17:34: channels.email.token: a secret stands in the file (put it in the environment: "${NAME}")
config/relance.yaml:17:49: channels.email.port: must be a whole number, not 'many'
config/relance.yaml:17:61: channels.email.mode: 'sfot' is not `soft` or `hard` (did you mean soft?)
config/relance.yaml:17:73: channels.email.from: is not a sender of e-mail (write Name <address@domain>)
config/relance.yaml:18:19: channels.sms.provider: the provider post does not send sms (for sms there is outbox, text)
config/relance.yaml:19:3: channels.fax: unknown key (there is slack, webhook, whatsapp)
config/relance.yaml:20:39: limits.per_customer.1: 'three per week' is not a limit such as `3 per 7 days` (write it like 3 per 7 days or 1 per day)
config/relance.yaml:20:69: limits.quiet_hours: '20:00-20:00' is not a stretch of the day such as `20:00-08:00` (it begins and ends at the same time; the whole day is: all day)
config/relance.yaml:21:17: global_holdout: '30%' is not a share from 0% to 20% (at most 20%)
config/segments.yaml:2:14: rfm.event: there is no event 'ordre' (did you mean order?)
config/segments.yaml:2:31: rfm.monetary: 'sum' is not `total` or `average`
config/segments.yaml:4:3: segments.a: the segments go in a circle: a → b → a
config/segments.yaml:5:38: segments.b.all.1.customer: there is no attribute 'shoe_size' (did you mean shoe size?)
config/segments.yaml:5:57: segments.b.all.1.exists: must be true or false, not 'yes' (write true)
config/segments.yaml:6:39: segments.c.count.at_least: must be a number, not 'many'
config/segments.yaml:6:62: segments.c.where.colour: order has no field 'colour' (there is amount, kind)
config/segments.yaml:7:6: segments.d: has count and sum, but a leaf takes one (put two under all:)
config/segments.yaml:7:29: segments.d.count.at_leest: unknown key (did you mean at_least?)
config/segments.yaml:8:28: segments.e.since: there is no entry here (only a step's if: and unless: have one)
config/segments.yaml:9:7: segments.f.custmer: unknown key (did you mean customer?)
config/segments.yaml:10:17: segments.g.customer: there is no attribute 'country' (there is email, first_name, shoe size)
config/segments.yaml:11:38: segments.h.between: the lower end comes first (swap the two)
config/segments.yaml:11:50: segments.h.in: must be a list of values, not text (write it as [a, b] or with dashes)
config/segments.yaml:12:22: segments.i.rfm.recency: 6 is not a whole number from 1 to 5
config/segments.yaml:13:36: segments.j.last.before: '90 dayz' is not a date such as `2026-03-01` or a length of time such as `90 days` (did you mean days?)
config/segments.yaml:14:3: segments.a: duplicate key (first on line 4)
triggers/welcome.yaml:2:7: name: must be the file's name, welcome (rename one of the two)
triggers/welcome.yaml:3:10: segment: there is no segment 'loyl'
triggers/welcome.yaml:4:6: on.form: unknown key (did you mean from?)
triggers/welcome.yaml:5:11: schedule: '0 25 * * *' is not a schedule (the hours go from 0 to 23, ranges upwards)
triggers/welcome.yaml:6:10: reentry: 'sometimes' is not `never` or `always`
triggers/welcome.yaml:7:11: priority: 101 is not a whole number from 0 to 100
triggers/welcome.yaml:9:11: steps.0.wait: '-1 days' is not a length of time such as `14 days` (it must be longer than nothing)
triggers/welcome.yaml:10:21: steps.1.send.channel: 'emial' is not `email`, `sms`, `whatsapp`, `slack` or `webhook` (did you mean email?)
triggers/welcome.yaml:10:28: steps.1.send.templat: unknown key (did you mean template?)
triggers/welcome.yaml:11:36: steps.2.send.template: the template welcome has no text for sms (write sms.txt)
triggers/welcome.yaml:12:35: steps.2.unless.since: 'yesterday' is not a date, a date with a time, or `entry` (a sliding window is within: 14 days)
triggers/welcome.yaml:13:10: holdout: 10 is not a share from 0% to 90% (write 10% if that is what you mean)
triggers/welcome.yaml:14:15: goal.event: there is no event 'oder' (did you mean order?)
"""


def test_every_mistake_of_every_file_is_shown_at_its_place(shop) -> None:
    shop.texts = {("welcome", "email"): "x"}
    shop.write("config/relance.yaml", RELANCE)
    shop.write("config/segments.yaml", SEGMENTS)
    (shop.root / "triggers/thanks.yaml").unlink()
    shop.write("triggers/welcome.yaml", TRIGGER)
    loaded = shop.load()
    assert loaded.workspace is None
    assert [str(problem) for problem in loaded.problems] == EXPECTED.splitlines()


def test_no_mistake_repeats_a_secret(shop) -> None:
    shop.write("config/relance.yaml", RELANCE)
    assert "hunter2" not in "\n".join(shop.problems())
