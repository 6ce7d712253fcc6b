"""The scheduled report: each instant once over all workers, each letter once, whatever fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from relance.domain.receipt import recipient_digest
from relance.errors import NotSent, Paused, Refused, SendError, SourceError, StateError, Unsure
from relance.logs import Action
from relance.scheduler.errand import Errand, Handed
from report_desk import MONDAY, WEEK, Clerk, Desk
from worker_house import actions

ANN, BOB = "ann@shop.example", "bob@shop.example"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def armed(*people: str, **changes: object) -> tuple[Clerk, Desk]:
    """A worker that has seen its schedule for the first time."""
    desk = Desk()
    clerk = Clerk(desk, *people, **changes)
    await clerk.look()
    return clerk, desk


async def test_nothing_is_owed_for_the_time_before_the_schedule_was_written():
    clerk, desk = await armed(ANN)
    await clerk.look(MONDAY - MINUTE)
    assert (desk.made, desk.posted) == ([], [])


async def test_the_report_is_made_as_of_its_instant_and_sent_once_to_each_reader():
    clerk, desk = await armed(ANN, BOB)
    for late in (timedelta(seconds=20), timedelta(hours=3), DAY):
        await clerk.look(MONDAY + late)
    assert desk.made == [MONDAY]
    assert desk.readers() == [ANN, BOB]
    assert clerk.trouble == ""


async def test_a_restarted_worker_does_not_make_it_again():
    clerk, desk = await armed(ANN)
    await clerk.look(MONDAY)
    clerk.begin()
    await clerk.look(MONDAY + DAY)
    assert (desk.made, desk.readers()) == ([MONDAY], [ANN])


async def test_of_missed_instants_the_latest_is_made_up_for_once():
    clerk, desk = await armed(ANN)
    clerk.begin()
    await clerk.look(MONDAY + 3 * WEEK + DAY)
    await clerk.look(MONDAY + 3 * WEEK + 2 * DAY)
    assert [at.astimezone(MONDAY.tzinfo) for at in desk.made] == [MONDAY + 3 * WEEK]


async def test_of_two_workers_only_one_makes_and_sends_it():
    desk = Desk()
    clerks = [Clerk(desk, ANN, BOB) for _ in range(2)]
    for clerk in clerks:
        await clerk.look()
    await asyncio.gather(*(clerk.look(MONDAY) for clerk in clerks))
    await asyncio.gather(*(clerk.look(MONDAY + 2 * MINUTE) for clerk in clerks))
    assert (desk.made, sorted(desk.readers())) == ([MONDAY], [ANN, BOB])
    assert [clerk.trouble for clerk in clerks] == ["", ""]


async def test_without_readers_the_page_is_made_all_the_same():
    clerk, desk = await armed()
    desk.letter = None
    await clerk.look(MONDAY)
    assert (desk.made, desk.posted) == ([MONDAY], [])
    assert desk.errand.done


async def test_without_a_schedule_the_figures_are_made_each_day_at_six():
    clerk, desk = await armed(schedule=None)
    desk.letter = None
    for hours in range(0, 51, 5):
        await clerk.look(MONDAY + timedelta(hours=hours))
    assert [at.astimezone(MONDAY.tzinfo).hour for at in desk.made] == [6, 6, 6]


async def test_a_new_schedule_begins_with_its_next_instant():
    clerk, desk = await armed(ANN)
    await clerk.look(MONDAY)
    other = Clerk(desk, ANN, schedule=None)
    await other.look(MONDAY + timedelta(hours=1))
    assert desk.made == [MONDAY]


# -- what fails


@pytest.mark.parametrize("error", [SourceError("the table orders is gone"), ZeroDivisionError()])
async def test_a_report_that_cannot_be_made_is_a_trouble_and_is_tried_again_ever_less_often(
    error: Exception,
):
    clerk, desk = await armed(ANN)
    desk.make_errors = [error] * 3
    with structlog.testing.capture_logs() as lines:
        await clerk.look(MONDAY)
        assert clerk.trouble
        for minutes in (0.9, 1, 5.9, 6, 20.9):
            await clerk.look(MONDAY + minutes * MINUTE)
    assert actions(lines).count(Action.REPORT_FAILED) == 3
    assert desk.posted == []
    await clerk.look(MONDAY + 21 * MINUTE)
    assert (desk.made, desk.readers(), clerk.trouble) == ([MONDAY], [ANN], "")


async def test_an_unforeseen_error_is_told_by_its_place_and_not_by_its_text():
    clerk, desk = await armed(ANN)
    desk.make_errors = [KeyError("camille@shop.example")]
    with structlog.testing.capture_logs() as lines:
        await clerk.look(MONDAY)
    assert "KeyError at" in clerk.trouble
    assert "camille" not in clerk.trouble + str(lines) + str(desk.note)


async def test_a_state_that_is_away_is_a_trouble_until_it_is_back():
    clerk, desk = await armed(ANN)
    desk.state_errors = [StateError("the server is restarting")]
    await clerk.look(MONDAY)
    assert "restarting" in clerk.trouble
    await clerk.look(MONDAY + MINUTE)
    assert (clerk.trouble, desk.readers()) == ("", [ANN])


async def test_a_failed_report_whose_time_is_over_gives_way_to_the_next():
    clerk, desk = await armed(ANN)
    desk.make_errors = [SourceError("gone")]
    await clerk.look(MONDAY)
    await clerk.look(MONDAY + WEEK)
    assert [at.astimezone(MONDAY.tzinfo) for at in desk.made] == [MONDAY + WEEK]


@pytest.mark.parametrize("error", [NotSent("connection_refused"), Paused("unauthorized")])
async def test_who_certainly_did_not_get_it_is_tried_once_more_and_nobody_else(error: SendError):
    clerk, desk = await armed(ANN, BOB)
    desk.post_errors = {ANN: [error]}
    await clerk.look(MONDAY)
    assert desk.readers() == [BOB]
    assert "1 of 2 people" in clerk.trouble
    assert error.reason in clerk.trouble
    await clerk.look(MONDAY + MINUTE)
    assert (desk.readers(), clerk.trouble) == ([BOB, ANN], "")


async def test_a_second_failure_is_the_last_and_stays_a_trouble_until_the_next_report():
    clerk, desk = await armed(ANN, BOB)
    desk.post_errors = {ANN: [NotSent("timeout")] * 2}
    with structlog.testing.capture_logs() as lines:
        for minutes in range(0, 300, 2):
            await clerk.look(MONDAY + minutes * MINUTE)
    assert desk.readers() == [BOB]
    assert "timeout" in clerk.trouble
    unsent = [line for line in lines if line["action"] == Action.REPORT_UNSENT]
    assert [line["again"] for line in unsent] == [True, False]
    await clerk.look(MONDAY + WEEK)
    assert (desk.readers(), clerk.trouble) == ([BOB, ANN, BOB], "")


@pytest.mark.parametrize("error", [Refused("unknown_address"), Unsure("connection_lost")])
async def test_what_is_refused_or_may_have_left_is_not_sent_again(error: SendError):
    clerk, desk = await armed(ANN, BOB)
    desk.post_errors = {ANN: [error]}
    for minutes in range(0, 60, 2):
        await clerk.look(MONDAY + minutes * MINUTE)
    assert (desk.made, desk.readers()) == ([MONDAY], [BOB])
    assert error.reason in clerk.trouble


async def test_no_address_is_in_the_note_the_log_or_the_trouble():
    clerk, desk = await armed(ANN, BOB)
    desk.post_errors = {ANN: [NotSent("timeout", detail=ANN)]}
    with structlog.testing.capture_logs() as lines:
        await clerk.look(MONDAY)
    assert "shop.example" not in f"{desk.note} {lines} {clerk.trouble}"


async def test_a_try_has_the_id_of_the_one_before_and_two_readers_never_the_same():
    clerk, desk = await armed(ANN, BOB)
    seen: list[str] = []

    async def post(letter) -> None:
        seen.append(letter.key)
        if len(seen) < 3:
            raise NotSent("timeout")

    desk.post = post  # type: ignore[method-assign]
    await clerk.look(MONDAY)
    await clerk.look(MONDAY + MINUTE)
    assert seen[:2] == seen[2:]
    assert seen[0] != seen[1]


# -- workers that end


async def test_a_worker_that_ends_on_the_way_is_taken_over_after_its_lease_and_repeats_nothing():
    clerk, desk = await armed(ANN, BOB)
    desk.while_posting = lambda _letter: (_ for _ in ()).throw(asyncio.CancelledError)
    with pytest.raises(asyncio.CancelledError):
        await clerk.look(MONDAY)
    desk.while_posting = lambda _letter: None
    assert desk.errand.people == {recipient_digest(ANN): Handed.SENDING}
    other = Clerk(desk, ANN, BOB)
    await other.look(MONDAY + 4 * MINUTE)
    assert desk.readers() == [ANN]
    await other.look(MONDAY + 6 * MINUTE)
    assert desk.readers() == [ANN, BOB]
    assert desk.errand.people[recipient_digest(ANN)] is Handed.UNSURE
    assert "1 of 2" in other.trouble


async def test_a_worker_that_is_told_to_stop_sends_no_further_letter_and_the_next_goes_on_at_once():
    clerk, desk = await armed(ANN, BOB)
    desk.while_posting = lambda _letter: setattr(clerk, "stopping", True)
    await clerk.look(MONDAY)
    assert desk.readers() == [ANN]
    desk.while_posting = lambda _letter: None
    await Clerk(desk, ANN, BOB).look(MONDAY + MINUTE)
    assert desk.readers() == [ANN, BOB]


async def test_a_report_that_takes_longer_than_a_lease_stays_with_its_worker():
    clerk, desk = await armed(ANN)
    clerk.begin(renew=0.001)
    other = Clerk(desk, ANN)
    loop = asyncio.get_running_loop()

    def long() -> None:
        clerk.now = other.now = MONDAY + 20 * MINUTE
        renewed = asyncio.run_coroutine_threadsafe(sign_of_life(), loop)
        renewed.result(10)
        asyncio.run_coroutine_threadsafe(other.look(), loop).result(10)

    async def sign_of_life() -> None:
        async with asyncio.timeout(10):
            while desk.errand.until < MONDAY + 20 * MINUTE:
                await asyncio.sleep(0.001)

    desk.while_making = long
    await clerk.look(MONDAY)
    assert (desk.made, desk.readers()) == ([MONDAY], [ANN])


async def test_who_was_taken_over_while_making_it_sends_nothing():
    clerk, desk = await armed(ANN)

    def somebody_else_has_it() -> None:
        desk.note = Errand.begun("every 1 day UTC", MONDAY + MINUTE).text()

    desk.while_making = somebody_else_has_it
    await clerk.look(MONDAY)
    assert desk.posted == []
    assert desk.opened == desk.closed


def test_a_note_that_is_no_errand_is_taken_for_none():
    for text in ("", "{}", "[]", '{"people": 3}', "null"):
        assert Errand.of_text(text) is None
