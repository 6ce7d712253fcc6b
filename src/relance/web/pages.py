"""`/u/<token>` and `/p/<token>`: unsubscribing, and choosing what to receive.

The token is the whole authority: no cookie, no session. Only POST changes anything, so that the
scanners that open every link of a message change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from relance import logs
from relance.links import Purpose
from relance.logs import Action
from relance.rendering import pages
from relance.web.choices import Answer, Visitor
from relance.web.front import Front
from relance.web.requests import FORM_BYTES, body_of, form_of

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": pages.POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
}

log = logs.get("web")


class Pages:
    """What the links of a message lead to."""

    def __init__(self, front: Callable[[], Front], clock: Callable[[], datetime]) -> None:
        self._front = front
        self._clock = clock

    async def ask(self, request: Request) -> Response:
        """Who writes, and the button; or that it is done already. Changes nothing."""
        visit = self._visit(request, Purpose.UNSUBSCRIBE)
        if visit is None:
            return self._missing()
        if await asyncio.to_thread(visit.is_out):
            return _page(visit.unsubscribed())
        return _page(visit.asks())

    async def unsubscribe(self, request: Request) -> Response:
        """One click of a mail program (RFC 8058), or the button."""
        visit = self._visit(request, Purpose.UNSUBSCRIBE)
        if visit is None:
            return self._missing()
        body = await body_of(request, FORM_BYTES)
        # as a form or as multipart (RFC 8058, 3.2); the mail program shows no page
        one_click = b"List-Unsubscribe" in body and b"One-Click" in body
        await asyncio.to_thread(visit.unsubscribe, "one-click" if one_click else "link")
        return Response() if one_click else _page(visit.unsubscribed())

    async def undo(self, request: Request) -> Response:
        """The way back, for who pressed the button by mistake."""
        visit = self._visit(request, Purpose.UNSUBSCRIBE)
        if visit is None:
            return self._missing()
        await asyncio.to_thread(visit.subscribe)
        return _page(visit.resubscribed())

    async def choices(self, request: Request) -> Response:
        """What the customer receives now. Changes nothing."""
        visit = self._visit(request, Purpose.PREFERENCES)
        if visit is None:
            return self._missing()
        return _page(visit.choices(await asyncio.to_thread(visit.said)))

    async def choose(self, request: Request) -> Response:
        """Take over what the customer has chosen."""
        visit = self._visit(request, Purpose.PREFERENCES)
        if visit is None:
            return self._missing()
        answer = Answer(await form_of(request))
        said = await asyncio.to_thread(visit.said)
        until = visit.pause_of(answer)
        wrong_date = answer.pause == "until" and until is None
        if answer.nothing:
            await asyncio.to_thread(visit.refuse_everything)
        elif wrong_date or not answer.save:
            return _page(visit.choices(said, wrong_date=wrong_date), status=400)
        else:
            await asyncio.to_thread(visit.take, answer, said, until)
        said = await asyncio.to_thread(visit.said)
        return _page(visit.choices(said, saved=True))

    async def away(self, _request: Request, error: Exception) -> Response:
        """The state failed: a mail program repeats after a 503, and a person is told to."""
        log.error(
            "A customer's choice could not be written down",
            action=Action.PAGE_FAILED,
            error=str(error),
        )
        front = self._front()
        page = pages.later(front.writer, pages.language(front.workspace.locale))
        return _page(page, status=503)

    def _visit(self, request: Request, purpose: Purpose) -> Visitor | None:
        front = self._front()
        if front.links is None:
            raise HTTPException(404)
        grant = front.links.open(purpose, request.path_params["token"])
        return Visitor(front, front.links, grant, self._clock()) if grant else None

    def _missing(self) -> Response:
        front = self._front()
        locale = pages.language(front.workspace.locale)
        return _page(pages.missing(front.writer, locale), status=404)


def _page(html: str, *, status: int = 200) -> Response:
    return HTMLResponse(html, status_code=status, headers=dict(_HEADERS))
