"""Which web pages of other origins may talk to the endpoint of live events (CORS).

What the browsers' client sends was read in the source of @segment/analytics-next 1.84: POST of
`text/plain` with the write key as basic authentication, which makes browsers ask first (OPTIONS);
and `X-Retry-Count` where it comes back. It reads `Retry-After`.
Source of the headers: https://fetch.spec.whatwg.org/#http-cors-protocol.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_VARY = {"Vary": "Origin"}
_ASKED = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count",
    "Access-Control-Max-Age": "7200",  # seconds: the most that Chromium keeps
}
_READ = {"Access-Control-Expose-Headers": "Retry-After"}


class Origins:
    """The origins of whose pages scripts may send live events, and read the answers."""

    def __init__(self, declared: Collection[str] = ()) -> None:
        self._declared = frozenset(declared)

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """What an answer says to a page of this origin; nothing of CORS to any other."""
        if not self._declared:
            return {}
        if origin not in self._declared:
            return _VARY
        return {**_VARY, "Access-Control-Allow-Origin": origin, **_READ}

    def invitation(self, origin: str | None) -> Mapping[str, str] | None:
        """What a browser is told that asks before it posts; None: no page of this origin may."""
        if origin not in self._declared:
            return None
        return {**self.headers(origin), **_ASKED}
