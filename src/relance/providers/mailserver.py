"""One mail server: its connection, and what its answers mean for a message (RFC 5321, RFC 3463)."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl

import aiosmtplib

from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers.smtp import Envelope, Settings

_NO_RELAY = re.compile(  # as Postfix, Sendmail, Exim and Exchange say it
    r"relay(ing)? ?(access )?(is )?(denied|not (permitted|allowed)|prohibited)|to relay\b", re.I
)
_ERRORS = (aiosmtplib.SMTPException, OSError)


class MailServer:
    """One connection, kept for many messages and made anew when it is lost."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()  # a connection carries one message at a time
        self._client: aiosmtplib.SMTP | None = None

    async def hand_over(self, envelope: Envelope) -> SendError | None:
        """Answers with what befell this message alone, None if it was taken.

        Raises NotSent, Unsure or Paused where the connection or the sender is at fault.
        """
        async with self._lock:
            client = await self._connected()
            try:
                return await _transact(client, envelope)
            except BaseException:
                client.close()  # interrupted half-way: what the server says next is for nobody
                raise

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._client = self._unopened()
        try:
            await self._client.connect()
            await self._client.ehlo()
        except _ERRORS as error:
            self._client.close()
            raise unconnected(error) from None  # the server's text may hold the address
        return self._client

    def _unopened(self) -> aiosmtplib.SMTP:
        settings = self._settings
        secured = settings.security != "none"
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password.reveal() if settings.password else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=ssl.create_default_context(cafile=settings.ca_file) if secured else None,
            timeout=settings.timeout,
        )

    async def close(self) -> None:
        """Say goodbye where somebody listens; the next message connects anew."""
        async with self._lock:
            client, self._client = self._client, None
            if client is None or not client.is_connected:
                return
            try:
                await client.quit()
            except _ERRORS:
                client.close()


async def _transact(client: aiosmtplib.SMTP, envelope: Envelope) -> SendError | None:
    if envelope.utf8 and not client.supports_extension("smtputf8"):
        return Refused("needs_smtputf8", detail="the server takes ASCII addresses only")
    options, encoding = (["SMTPUTF8"], "utf-8") if envelope.utf8 else ([], "ascii")
    in_data = False
    try:
        await client.mail(envelope.sender, options=options, encoding=encoding)
        await client.rcpt(envelope.recipient, encoding=encoding)
        in_data = True
        await client.data(envelope.content)
    except _ERRORS as error:
        decision = read(error, in_data=in_data)
        lost = not client.is_connected or not isinstance(error, aiosmtplib.SMTPResponseException)
        if lost or isinstance(decision, Paused | Unsure):
            raise decision from None
        await _reset(client)
        return decision
    return None


async def _reset(client: aiosmtplib.SMTP) -> None:
    try:
        await client.rset()
    except _ERRORS:
        client.close()


def read(error: Exception, *, in_data: bool) -> SendError:
    """What an error inside a transaction means.

    Before DATA nothing has left. Inside it, only an answer of the server's says what became of
    the message; a lost connection says nothing. 4yz is "try again", 5yz is "never" (RFC 5321,
    4.2.1). A refused sender, no login where one is asked for (530), and a server that does not
    carry mail for us to anybody outside ("relay access denied", whose code says no more than
    5.7.1) are our mistake, whoever the message is for.
    """
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        lost = "read_timeout" if isinstance(error, TimeoutError) else "disconnected"
        return (Unsure if in_data else NotSent)(lost, detail=type(error).__name__)
    code, detail = error.code, _told(error)
    if 400 <= code < 500:
        return NotSent("deferred", detail=detail)
    if code < 400:  # an answer out of place, or none at all
        return (Unsure if in_data else NotSent)("protocol", detail=detail)
    if code == 530:
        return Paused("unauthorised", detail=detail)
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and code != 552:
        return Paused("sender_refused", detail=detail)
    if not in_data and _NO_RELAY.search(error.message):
        return Paused("relay_denied", detail=detail)
    recipient = isinstance(error, aiosmtplib.SMTPRecipientRefused)
    return Refused("recipient_refused" if recipient else "message_refused", detail=detail)


def _told(error: aiosmtplib.SMTPResponseException) -> str:
    """The codes only (`SMTP 550 5.1.1`): the text after them often repeats the address."""
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", error.message)
    return f"SMTP {error.code} {enhanced[0]}" if enhanced else f"SMTP {error.code}"


def unconnected(error: Exception) -> SendError:
    """What an error on the way to a usable connection means: nothing has left yet."""
    detail = type(error).__name__
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Paused("tls", detail=detail)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
        if error.code < 500:
            return NotSent("unavailable", detail=_told(error))
        return Paused("unauthorised" if login else "forbidden", detail=_told(error))
    if isinstance(error.__cause__, socket.gaierror):
        return NotSent("dns", detail=detail)
    if isinstance(error, TimeoutError):
        return NotSent("connect_timeout", detail=detail)
    if isinstance(error, OSError):
        return NotSent("connect", detail=detail)
    return Paused("not_supported", detail="the server offers no STARTTLS, or no login")
