"""Values of the standard library ⇄ the parts of their messages, and their text in JSON; `well_known` has the table.

Protobuf counts nanoseconds and Python microseconds: what is below a microsecond is cut off.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from meshgen.schema.misfit import EncodeError, Misfit, describe
from meshgen.schema.unsupported import THIS, Refused

DURATION_MAX_S = 315_576_000_000
"""Seconds; about 10000 years, the limit of `google.protobuf.Duration`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _instance(value: Any, cls: type[Any], but: tuple[type[Any], ...] = ()) -> None:
    if not isinstance(value, cls) or isinstance(value, but):
        raise EncodeError(f"must be a {cls.__name__}, got {describe(value)}")


def _utc(value: Any) -> datetime:
    _instance(value, datetime)
    if value.utcoffset() is None:
        raise EncodeError("must have a timezone, got a naive datetime; write datetime.now(UTC) or .replace(tzinfo=UTC)")
    try:
        return value.astimezone(UTC)  # type: ignore[no-any-return]
    except OverflowError:
        raise EncodeError("must be within the years 1 to 9999 in UTC") from None


def timestamp_parts(value: Any) -> tuple[int, int]:
    """Seconds since 1970 in UTC and nanoseconds of an aware datetime."""
    since = _utc(value) - _EPOCH
    return since // _SECOND, since.microseconds * 1000


def timestamp_from(seconds: int, nanos: int) -> datetime:
    """An aware datetime in UTC."""
    if not 0 <= nanos < 1_000_000_000:
        raise Misfit([("nanos", "must be from 0 to 999999999")])
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise Misfit([("seconds", "must be within the years 1 to 9999")]) from None


def timestamp_text(value: Any) -> str:
    """RFC 3339 in UTC, with 0, 3 or 6 digits after the second."""
    utc = _utc(value)
    return f"{utc.replace(microsecond=0, tzinfo=None).isoformat()}{_fraction(utc.microsecond)}Z"


def timestamp_of(text: Any) -> datetime:
    """The datetime of an RFC 3339 text with an offset."""
    found = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Misfit.here("must be a time as in '2024-05-17T12:00:00Z'")
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        zone = timezone(offset)
        return datetime(year, month, day, hour, minute, second, _microseconds(fraction), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misfit.here("must be a time that exists") from None


def is_aware(value: datetime) -> bool:
    """Whether a datetime is a moment in time."""
    return value.tzinfo is not None


def moment_bound(value: Any) -> datetime:
    """A bound of a datetime, in UTC; Refused when it is none."""
    if not isinstance(value, datetime) or not is_aware(value):
        hint = "Write an aware datetime: `datetime(2020, 1, 1, tzinfo=timezone.utc)`."
        raise Refused(THIS, f"has the bound {value!r}, which is no moment in time", hint)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Refused(THIS, f"has the bound {value!r}, which UTC cannot write", "Write it in UTC.") from None


def _fraction(microseconds: int) -> str:
    if microseconds % 1000:
        return f".{microseconds:06}"
    return f".{microseconds // 1000:03}" if microseconds else ""


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "").ljust(6, "0")[:6])


def _span(value: Any) -> timedelta:
    _instance(value, timedelta)
    if abs(value) > timedelta(seconds=DURATION_MAX_S):
        raise EncodeError(f"must be within {DURATION_MAX_S} seconds, got {value.days} days")
    return value  # type: ignore[no-any-return]


def duration_parts(value: Any) -> tuple[int, int]:
    """Seconds and nanoseconds of a timedelta, both of its sign."""
    microseconds = _span(value) // _MICROSECOND
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    sign = -1 if microseconds < 0 else 1
    return sign * seconds, sign * rest * 1000


def duration_from(seconds: int, nanos: int) -> timedelta:
    """A timedelta of whole microseconds."""
    if abs(nanos) > 999_999_999 or seconds * nanos < 0:
        raise Misfit([("nanos", "must be within 999999999, and of the sign of the seconds")])
    if abs(seconds) > DURATION_MAX_S:
        raise Misfit([("seconds", f"must be within {DURATION_MAX_S}")])
    return timedelta(seconds=seconds, microseconds=int(nanos / 1000))


def duration_text(value: Any) -> str:
    """Seconds with 0, 3 or 6 digits after the point, and `s`."""
    microseconds = _span(value) // _MICROSECOND
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return f"{'-' if microseconds < 0 else ''}{seconds}{_fraction(rest)}s"


def duration_of(text: Any) -> timedelta:
    """The timedelta of a text like `3.5s`."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Misfit.here("must be a number of seconds as in '3.5s'")
    sign, seconds, fraction = found.groups()
    nanos = int((fraction or "").ljust(9, "0"))
    if int(seconds) + (nanos > 0) > DURATION_MAX_S:
        raise Misfit.here(f"must be within {DURATION_MAX_S} seconds")
    span = timedelta(seconds=int(seconds), microseconds=nanos // 1000)
    return -span if sign else span


def span_bound(value: Any) -> timedelta:
    """A bound of a timedelta; Refused when it is none."""
    if not isinstance(value, timedelta):
        raise Refused(THIS, f"has the bound {value!r}", "Write a timedelta.")
    if abs(value) > timedelta(seconds=DURATION_MAX_S):
        hint = f"A duration has {DURATION_MAX_S} seconds at most; leave the bound out."
        raise Refused(THIS, f"has the bound {value!r}, which is beyond protobuf's Duration", hint)
    return value


def date_parts(value: Any) -> tuple[int, int, int]:
    """Year, month and day. A datetime is a date for Python, but not for a contract."""
    _instance(value, date, but=(datetime,))
    return value.year, value.month, value.day


def date_from(year: int, month: int, day: int) -> date:
    """A date; one without a year, a month or a day is none."""
    problems = [(name, "is required") for name, part in (("year", year), ("month", month), ("day", day)) if part == 0]
    if problems:
        raise Misfit(problems)
    try:
        return date(year, month, day)
    except (ValueError, OverflowError):
        raise Misfit.here("must be a date that exists") from None


def decimal_parts(value: Any) -> tuple[str]:
    """The digits as they are, trailing zeros too."""
    _instance(value, Decimal)
    if not value.is_finite():
        raise EncodeError(f"must be finite, got {value}")
    return (str(value),)


def decimal_from(text: str) -> Decimal:
    """The number that the text writes."""
    if not _DECIMAL.fullmatch(text):
        raise Misfit([("value", "must be a decimal number as in '1.5'")])
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Misfit([("value", "is out of range")]) from None


def uuid_text(value: Any) -> str:
    """Lower case, with hyphens."""
    _instance(value, UUID)
    return str(value)


def uuid_of(text: Any) -> UUID:
    """The UUID that the text writes."""
    if not isinstance(text, str):
        raise Misfit.here("must be a string")
    if not _UUID.fullmatch(text):
        raise Misfit.here("must be a UUID as in '123e4567-e89b-12d3-a456-426614174000'")
    return UUID(text)
