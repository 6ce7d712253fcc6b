"""The report as an e-mail: what a director reads on the way, with a link to the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relance.domain.message import Rendered
from relance.rendering.plaintext import to_text
from relance.rendering.report.dossier import SYMBOLS, Headline, harm, headline
from relance.rendering.report.labels import LABELS
from relance.rendering.report.numbers import instant, long_day
from relance.rendering.report.tables import (
    Check,
    Line,
    check_view,
    overlap_checks,
    worth_lines,
)
from relance.rendering.report.words import clear_effects, lead
from relance.rendering.standalone import standalone
from relance.uplift.health import Health
from relance.uplift.report import Report, TriggerReport
from relance.uplift.wording import Locale, count, sentence

# e-mail programs read neither style sheets nor variables: colours stand where they are used
TONES = {"better": "#0b6b66", "worse": "#a8431f", "srm_failed": "#80590a"}
PLAIN = "#5b6269"


@dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """One trigger in a few lines."""

    name: str
    symbol: str
    verdict_words: str
    tone: str
    sentence: str
    alarm: str | None
    headline: Headline | None
    worth: Sequence[Line]
    checks: Sequence[Check]


def report_email(
    report: Report, *, workspace: str, at: datetime, locale: Locale = "en", link: str | None = None
) -> Rendered:
    """The report in short, for the company's own people: subject, HTML and plain text.

    Per trigger its verdict in a sentence, what it was worth where the groups are large enough,
    alarms and health warnings; no image, no style sheet, no script. `link` leads to the page.
    Instants are shown in `at`'s own time zone.
    """
    words = LABELS[locale]
    briefs = [_brief(one, one.trigger, report.currency, locale) for one in report.triggers]
    whole = report.programme
    programme = _brief(whole, words["programme"], report.currency, locale) if whole else None
    clear = clear_effects(report.triggers)
    page = standalone(Path(__file__).parent, "email.html.j2").render(
        locale=locale,
        words=words,
        workspace=workspace,
        at=instant(at, locale),
        lead=lead(clear, len(briefs), locale),
        alarms=[one for one in [*briefs, programme] if one is not None and one.alarm],
        briefs=briefs,
        programme=programme,
        overlaps=overlap_checks(report.overlaps, locale),
        link=link,
        plain=PLAIN,
    )
    subject = _subject(report, workspace, at, clear, locale)
    return Rendered(subject=subject, html_parts=(page,), text=to_text(page))


def _subject(report: Report, workspace: str, at: datetime, clear: int, locale: Locale) -> str:
    """`La Boutique: retention report of 6 March 2026, 4 of 8 triggers clear`; alarms in front."""
    words = LABELS[locale]
    everything = [*report.triggers, *([report.programme] if report.programme else [])]
    alarms = sum(harm(one.reading, locale) is not None for one in everything)
    subject = words["subject"].format(
        workspace=" ".join(workspace.split()),
        day=long_day(at.date(), locale),
        clear=clear,
        total=count(len(report.triggers), locale),
    )
    return f"{words['alarm']}{words['colon']}{subject}" if alarms else subject


def _brief(report: TriggerReport, name: str, currency: str, locale: Locale) -> Brief:
    reading = report.reading
    verdict, found = reading.verdict, headline(reading, locale)
    loud = (Health.FAILED, Health.WARNING)
    return Brief(
        name=name,
        symbol=SYMBOLS[verdict],
        verdict_words=LABELS[locale][f"symbol_{verdict}"],
        tone=TONES.get(verdict.value, PLAIN),
        sentence=sentence(reading, locale),
        alarm=harm(reading, locale),
        headline=found,
        # customers are the headline; without one, money would be a number without a verdict
        worth=worth_lines(report.worth, currency, locale)[1:] if found else (),
        checks=[check_view(one, locale) for one in report.findings if one.health in loud],
    )
