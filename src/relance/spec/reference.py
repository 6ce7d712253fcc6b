"""docs/yaml.md, written from the same keys that are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from relance.domain.channel import CHANNELS
from relance.domain.vendor import Capabilities, OptionSpec, VendorSpec
from relance.spec import (
    accounts,
    conditions,
    data,
    event_leaf,
    events_file,
    identities,
    lifecycle,
    limits,
    live,
    operators,
    quiet,
    relance_file,
    report,
    rfm,
    rfm_leaf,
    score_leaf,
    scores,
    segments_file,
    starter,
    steps,
    trigger_file,
    web,
    write_to,
)
from relance.spec.channels import ChannelsYaml, ChannelYaml
from relance.spec.options import SecretText, plain_default
from relance.spec.parse import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_SCALAR
from relance.spec.record import Key, Record
from relance.spec.shapes import listed

_Section = tuple[str, type[Record[object]]]

_RELANCE: Sequence[_Section] = (
    ("customers", data.CustomersYaml),
    ("customers.more_tables.N", data.TableYaml),
    ("customers.consent", data.ConsentYaml),
    ("accounts", accounts.AccountsYaml),
    ("identities.N", identities.IdentityYaml),
    ("events.NAME", data.EventYaml),
    ("events.NAME, of live calls alone", live.LiveEventYaml),
    ("events.NAME.live", live.LivePartYaml),
    ("live", live.LiveYaml),
    ("source", data.SourceYaml),
    ("tables.NAME", data.SqlYaml),
    ("limits", limits.LimitsYaml),
    ("limits.quiet_hours", quiet.WeekYaml),
    ("bounces", limits.BouncesYaml),
    ("global_holdout", report.GlobalHoldoutYaml),
    ("report", report.ReportYaml),
    ("web", web.WebYaml),
    ("channels", ChannelsYaml),
    ("channels.NAME", ChannelYaml),
)
_TRIGGER: Sequence[_Section] = (
    ("on: {from, to}", trigger_file.MoveYaml),
    ("on: {stay}", trigger_file.StayYaml),
    ("on: {date}", trigger_file.DateYaml),
    ("on: {event}", trigger_file.HappenedYaml),
    ("reentry", trigger_file.AfterYaml),
    ("write_to", write_to.WriteToYaml),
    ("steps", steps.StepYaml),
    ("steps: send", steps.SendYaml),
    ("goal", trigger_file.GoalYaml),
)
_LEAVES: Sequence[_Section] = (
    ("customer", conditions.CustomerYaml),
    ("account", accounts.AccountYaml),
    ("event", event_leaf.EventYaml),
    ("rfm", rfm_leaf.ScoresYaml),
    ("score", score_leaf.ScoreYaml),
    ("score: expected_value", score_leaf.ValueYaml),
    ("score: expected_return", score_leaf.ReturnYaml),
)
_OPERATORS: Sequence[_Section] = (
    ("Operators of `count`", operators.Counting),
    ("Operators of `sum`", operators.Totalling),
    ("Operators of `average`", operators.Averaging),
    ("Operators of `first` and `last`", operators.Timing),
)

_INTRO = f"""\
<!-- Written by `relance schema --reference docs/yaml.md`; edit src/relance/spec instead. -->
# YAML reference

A workspace is a folder with `config/relance.yaml`, `config/segments.yaml`, `triggers/*.yaml` and
`templates/`; `config/events.yaml` may stand beside them. `relance check` shows every mistake of
every file at once, each at its line and column. The first line of each file names its JSON Schema,
with which an editor completes and checks as you type.

## How values are written

- **YAML 1.2**: `no`, `on` and `NO` are text, `true` and `false` are the only yes and no, `12:30`
  is text. A number with a leading zero (`01000`) is text too: it is a code.
- **Lengths of time**: `15 minutes`, `2 hours`, `14 days`, `2 weeks`, `3 months`, `1 year`. Days
  and longer are counted on the calendar of the workspace's time zone, hours exactly.
- **Windows** are half-open: `within: 14 days` is later than 14 days ago, up to and including now;
  `before: 90 days` is 90 days ago or earlier, `after: 90 days` is later than that. The two never
  overlap and leave no gap.
- **Dates**: `2026-03-01`, with a time `2026-03-01 14:30` (in the workspace's time zone) or
  `2026-03-01T14:30:00+01:00`.
- **Shares**: `10%` or `0.1`, in steps of 0.01%.
- **Schedules**: five cron fields (minute, hour, day of the month, month, weekday) in the
  workspace's time zone, or `every 15 minutes`. Weekday 0 and 7 are Sunday; names (`mon-fri`) are
  clearer. A day of the month and a weekday cannot be given together.
- **Environment**: in `config/relance.yaml`, `${{NAME}}` in any value is filled in from the
  environment; `$${{` is a plain `${{`. Secrets must come from there.
- **Anchors and aliases** work; merge keys (`<<`), tags (`!…`) and several documents in one file
  are refused. So are files over {MAX_BYTES // 1_000_000} MB, more than {MAX_NODES:,} values
  (aliases counted at every use), more than {MAX_DEPTH} levels, and values over {MAX_SCALAR:,}
  characters.
- Unknown and duplicate keys are mistakes. Names of segments, triggers and events are lowercase
  letters, digits and underscores.
"""

_CONDITIONS = """\
## Conditions

A condition is a mapping that looks at one thing. Conditions nest under `all`, `any` and `none`.
Where one leaf has several operators, all of them must hold. A missing value fails every
comparison except `is_not`, `not_in` and `exists: false`.

```yaml
all:
  - {customer: country, in: [FR, BE]}
  - {event: order, count: {at_least: 2}, within: 1 year, where: {category: shoes}}
  - {event: order, last: {before: 90 days}}
  - none: [{segment: champions}]
```
"""

_EVENTS = """\
```yaml
# yaml-language-server: $schema=../schemas/events.schema.json
version: 1
events:
  - {date: 2026-03-01, name: New prices, description: Two euros more on every pair}
  - {date: 2026-04-11, until: 2026-04-18, name: Shop in Lyon closed}
```
"""


_SEGMENTS: Sequence[_Section] = (
    ("rfm", rfm.RfmSpecYaml),
    ("rfm.thresholds", rfm.CutoffsYaml),
    ("rfm.cells.NAME", rfm.CellYaml),
    ("rfm.cells.NAME.areas", rfm.AreaYaml),
    ("lifecycle", lifecycle.LifecycleYaml),
    ("lifecycle.thresholds", lifecycle.LengthsYaml),
    ("scores.NAME", scores.ScoreSpecYaml),
)


def reference(vendors: Mapping[str, VendorSpec]) -> str:
    """The YAML reference in Markdown."""
    return "\n".join([
        _INTRO,
        *_file("config/relance.yaml", relance_file.RelanceYaml, "relance.yaml"),
        *_sections(_RELANCE),
        *_providers(vendors),
        *_file("config/segments.yaml", segments_file.SegmentsYaml, "segments.yaml"),
        *_sections(_SEGMENTS),
        *_plain_file("config/events.yaml", events_file.EventsFileYaml, _EVENTS),
        *_sections([("events", events_file.HappeningYaml)]),
        *_file("triggers/NAME.yaml", trigger_file.TriggerYaml, "welcome.yaml"),
        *_sections(_TRIGGER),
        _CONDITIONS,
        *_forms(),
        *_sections([*_LEAVES, *_OPERATORS]),
    ])  # fmt: skip


def _file(title: str, record: type[Record[object]], example: str) -> Iterator[str]:
    yield f"## {title}\n\n{_doc(record)}\n"
    yield f"```yaml\n{starter.text(example, 'shop')}```\n"
    yield from _table(record)


def _plain_file(title: str, record: type[Record[object]], example: str) -> Iterator[str]:
    """A file that a new workspace begins without."""
    yield f"## {title}\n\n{_doc(record)}\n"
    yield example
    yield from _table(record)


def _sections(sections: Sequence[_Section]) -> Iterator[str]:
    for title, record in sections:
        name = title if " " in title and ":" not in title else f"`{title}`"
        yield f"### {name}\n\n{_doc(record)}\n"
        yield from _table(record)


def _forms() -> Iterator[str]:
    yield "| form | what it says |\n| --- | --- |"
    for name, record in conditions.FORMS.items():
        yield f"| `{name}` | {_cell(_doc(record))} |"
    yield ""


def _doc(record: type[Record[object]]) -> str:
    return " ".join((record.__doc__ or "").split())


def _table(record: type[Record[object]]) -> Iterator[str]:
    yield "| key | value | meaning |\n| --- | --- | --- |"
    for name, key in record.keys().items():
        yield f"| `{name}` | {_cell(key.shape.says)} | {_cell(_meaning(key))} |"
    yield ""


def _meaning(key: Key[object]) -> str:
    if key.needed:
        return f"{key.meaning} **Required.**"
    return key.meaning if key.shown is None else f"{key.meaning} Default: {key.shown}."


def _providers(vendors: Mapping[str, VendorSpec]) -> Iterator[str]:
    for name in sorted(vendors):
        vendor = vendors[name]
        channels = listed([each for each in CHANNELS if each in vendor.channels], "and")
        yield f"### Provider `{name}` ({channels})\n\n{vendor.description}\n"
        yield f"{_abilities(vendor.can)}\n"
        if vendor.options:
            yield "| option | value | meaning |\n| --- | --- | --- |"
            yield from (_option(option) for option in vendor.options)
            yield ""


def _abilities(can: Capabilities) -> str:
    """What a vendor can do, in a line."""
    repeat = "may be sent twice"
    if can.idempotent_for is not None:
        repeat = f"is sent once{_for(can.idempotent_for)}"
    takes = [
        words
        for words, able in (
            ("`reply_to`", can.reply_to), ("`headers`", can.headers), ("`tags`", can.tags),
            ("our Message-ID", can.message_id),
        )
        if able
    ]  # fmt: skip
    sentences = [
        f"One call carries up to {can.batch:,} messages" if can.batch > 1
        else "One call carries one message",
        f"a repeat {repeat}",
        f"it takes {listed(takes, 'and')}" if takes else "",
        "it can be asked what became of a message" if can.look_up else "",
        f"it reports to a webhook, verified by {can.signed}" if can.events else "",
    ]  # fmt: skip
    return "; ".join(each for each in sentences if each) + "."


def _for(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    hours = minutes // 60
    if hours > 24 * 365:
        return ""
    if minutes % 60:
        return f" within {minutes} minutes"
    return f" within {hours} hours" if hours % 24 or hours == 24 else f" within {hours // 24} days"


def _option(option: OptionSpec) -> str:
    value = " or ".join(f"`{each}`" for each in option.choices) or str(option.kind)
    value = SecretText.says if option.kind == "secret" else value
    more = " **Required.**" if option.required else ""
    if option.default is not None:
        more = f" Default: `{plain_default(option.default)}`."
    return f"| `{option.name}` | {_cell(value)} | {_cell(option.description)}{more} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
