"""An e-mail as RFC 5322 bytes, the same bytes for the same message.

Written line by line, because EmailMessage takes 1 to 3 ms a message, most of it parsing headers
that are plain ASCII anyway. What is not plain is encoded by the standard library.
"""

from __future__ import annotations

import binascii
import re
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from relance.domain.message import Email
from relance.providers import wire

_LINE, _LONGEST_LINE = 78, 998  # RFC 5322, 2.1.1: should and must
_GAP = re.compile(r"(?<=\S) (?=\S)")


def to_bytes(message: Email) -> bytes:
    """The whole message, 7-bit, lines ended by CRLF. It must have passed `wire.screen`."""
    head = [
        _header("From", wire.ascii_sender(message.sender)),
        # written as it is: it cannot be encoded, only be ASCII or travel by SMTPUTF8
        f"To: {wire.to_ascii(message.to)}\r\n".encode(),
        _header("Subject", message.subject),
        f"Message-ID: {wire.message_id_header(message)}\r\n".encode(),
        f"X-Relance-Message: {message.message_id}\r\n".encode(),
    ]
    if message.at:
        head.append(f"Date: {format_datetime(message.at)}\r\n".encode())
    if message.tags:
        head.append(_header("X-Relance-Tags", ", ".join(message.tags)))
    if message.reply_to:
        head.append(_header("Reply-To", message.reply_to))
    head += [_header(name, value) for name, value in message.headers.items()]
    head.append(b"MIME-Version: 1.0\r\n")
    return b"".join(head) + _body(message)


def _header(name: str, value: str) -> bytes:
    line = f"{name}: {value}"
    if value.isascii():
        lines = [line] if len(line) <= _LINE else _wrapped(line)
        if max(map(len, lines)) < _LONGEST_LINE:
            return ("\r\n ".join(lines) + "\r\n").encode()
    return _folded(name, value)


def _wrapped(line: str) -> list[str]:
    """A header of plain ASCII, broken between words only.

    The standard library makes encoded words of an address too long for a line, and nobody
    follows a List-Unsubscribe that is one (RFC 2369, 2).
    """
    name, *words = _GAP.split(line)
    lines = [f"{name} {words[0]}"] if words else [name]  # the name is never alone on its line
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _LINE - 1:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines


@lru_cache(maxsize=1024)  # the sender and many subjects are the same for thousands of messages
def _folded(name: str, value: str) -> bytes:
    folded: str = SMTP.fold(*SMTP.header_store_parse(name, value))
    return folded.encode()


def _body(message: Email) -> bytes:
    parts = [("plain", message.text), ("html", message.html)]
    coded = [_part(subtype, text) for subtype, text in parts if text]
    if len(coded) == 1:
        return coded[0]
    # no line of quoted-printable text can hold "=_"
    boundary = f"=_{message.message_id}".encode()
    start = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n'
    inner = b"".join(b"--" + boundary + b"\r\n" + part for part in coded)
    return start + inner + b"--" + boundary + b"--\r\n"


def _part(subtype: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + binascii.b2a_qp(lines, istext=True) + b"\r\n"
