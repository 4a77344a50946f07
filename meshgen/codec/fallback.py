"""A writer and a reader of one message: straight-line code, and the general one behind it for what is not common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from meshgen.codec.encode import Fill
from meshgen.codec.payloads import MessageBytes
from meshgen.schema.convert.readers import Reader
from meshgen.schema.misfit import TOO_DEEP, EncodeError


class MessageWriter:
    """Python values → bytes."""

    def __init__(self, wire: MessageBytes, general: Fill, quick: Callable[[], Fill], *, deep: bool) -> None:
        """Prepare.

        Args:
            wire: bytes of the message.
            general: writes all values, or says what is wrong with them.
            quick: compiles what writes the common ones; asked at the first message, as many are never written.
            deep: values may be nested deeper than protobuf reads.
        """
        self._wire = wire
        self._general = general
        self._compile = quick
        self._quick: Fill | None = None
        self._deep = deep

    def write(self, value: Any) -> bytes:
        """The bytes of a message that carries the value.

        Raises:
            EncodeError: it does not fit.
        """
        quick = self._quick or self._compiled()
        try:
            return self._wire.write(quick, value, verify=self._deep)
        except Exception:  # noqa: BLE001, S110 - whatever it is, the general writer says what is wrong, and where
            pass
        try:
            return self._wire.write(self._general, value, verify=self._deep)
        except (RecursionError, DecodeError):
            raise EncodeError(TOO_DEEP) from None

    def check(self, value: Any) -> None:
        """Raise what `write` would, without copying big payloads."""
        quick = self._quick or self._compiled()
        try:
            return self._wire.check(quick, value, verify=self._deep)
        except Exception:  # noqa: BLE001, S110 - as above
            pass
        try:
            return self._wire.check(self._general, value, verify=self._deep)
        except (RecursionError, DecodeError):
            raise EncodeError(TOO_DEEP) from None

    def _compiled(self) -> Fill:
        self._quick = self._compile()
        return self._quick


class MessageReader:
    """Bytes → Python values."""

    def __init__(self, wire: MessageBytes, general: Reader, quick: Callable[[], Reader]) -> None:
        """Args: bytes of the message, what reads all values or says what is wrong, what compiles the quick reader."""
        self._wire = wire
        self._general = general
        self._compile = quick
        self._quick: Reader | None = None

    def read(self, data: bytes) -> Any:
        """The value of the message.

        Raises:
            Misfit: it does not fit.
            DecodeError, RecursionError: the bytes are not a message of this class, or it is nested too deep.
        """
        quick = self._quick
        if quick is None:
            quick = self._quick = self._compile()
        try:
            return self._wire.read(quick, data)
        except DecodeError:
            raise
        except Exception:  # noqa: BLE001, S110 - whatever it is, the general reader says what is wrong, and where
            pass
        return self._wire.read(self._general, data)
