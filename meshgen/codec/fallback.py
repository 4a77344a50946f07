"""A writer and a reader of one message: fast code, and the general one behind it for what is not common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

from google.protobuf.message import DecodeError

from meshgen.codec import fast_faults
from meshgen.codec.encode import Fill
from meshgen.codec.payloads import MessageBytes
from meshgen.codec.pycode import Unusual
from meshgen.codec.wireformat import Buffer
from meshgen.schema.convert.readers import Reader
from meshgen.schema.misfit import TOO_DEEP, EncodeError

T = TypeVar("T")
Write: TypeAlias = Callable[[Any], bytes]
Read: TypeAlias = Callable[[Buffer], Any]


class MessageWriter:
    """Python values → bytes."""

    def __init__(
        self,
        wire: MessageBytes,
        general: Fill,
        compile_fast: Callable[[], Fill],
        *,
        deep: bool,
        past: Callable[[Write], Write] | None = None,
    ) -> None:
        """Prepare.

        Args:
            wire: bytes of the message.
            general: writes all values, or says what is wrong with them.
            compile_fast: makes what writes the common ones; asked at the first message, as many are never written.
            deep: values may be nested deeper than protobuf reads.
            past: makes what writes some values past protobuf, and has others written by what it is given.
        """
        self._wire = wire
        self._general = general
        self._compile = compile_fast
        self._past = past
        self._fast: Write | None = None
        self._fill: Fill = general
        self._deep = deep

    def write(self, value: Any) -> bytes:
        """The bytes of a message that carries the value.

        Raises:
            EncodeError: it does not fit.
        """
        fast = self._fast or self._compiled()
        try:
            return fast(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the general writer says what is wrong, and where
            failure = error
        try:
            return self._generally(self._wire.write, value, failure)
        finally:
            del failure  # it holds this frame, and the value with it

    def parts(self, value: Any) -> Sequence[Buffer]:
        """What `write` gives, big payloads apart; `MessageBytes.parts` says more."""
        parts = self._done(self._wire.parts, value)
        return (parts,) if isinstance(parts, bytes) else parts

    def check(self, value: Any) -> None:
        """Raise what `write` would, without copying big payloads."""
        self._done(self._wire.check, value)

    def _done(self, run: Callable[..., T], value: Any) -> T:
        if self._fast is None:
            self._compiled()
        try:
            return run(self._fill, value, verify=self._deep)
        except Exception as error:  # noqa: BLE001 - as above
            failure = error
        try:
            return self._generally(run, value, failure)
        finally:
            del failure

    def _generally(self, run: Callable[..., T], value: Any, failure: Exception) -> T:
        try:
            done = run(self._general, value, verify=self._deep)
        except (RecursionError, DecodeError):
            raise EncodeError(TOO_DEEP) from None
        _note(self._wire, failure)
        return done

    def _compiled(self) -> Write:
        self._fill = self._compile()
        written = partial(self._wire.write, self._fill, verify=self._deep)
        self._fast = written if self._past is None else self._past(written)
        return self._fast


class MessageReader:
    """Bytes → Python values."""

    def __init__(
        self,
        wire: MessageBytes,
        general: Reader,
        compile_fast: Callable[[], Reader],
        *,
        past: Callable[[Read], Read] | None = None,
    ) -> None:
        """Prepare.

        Args:
            wire: bytes of the message.
            general: reads all values or says what is wrong.
            compile_fast: makes what reads the common ones.
            past: makes what reads some messages past protobuf, and has others read by what it is given.
        """
        self._wire = wire
        self._general = general
        self._compile = compile_fast
        self._past = past
        self._fast: Read | None = None

    def read(self, data: Buffer) -> Any:
        """The value of the message.

        Raises:
            Misfit: it does not fit.
            DecodeError, RecursionError: the bytes are not a message of this class, or it is nested too deep.
        """
        fast = self._fast or self._compiled()
        try:
            return fast(data)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the general reader says what is wrong, and where
            failure = error
        try:
            value = self._wire.read(self._general, data)
            _note(self._wire, failure)
            return value
        finally:
            del failure  # it holds this frame, and the value with it

    def _compiled(self) -> Read:
        read: Read = partial(self._wire.read, self._compile())
        self._fast = read if self._past is None else self._past(read)
        return self._fast


def _note(wire: MessageBytes, failure: Exception) -> None:
    """Take note of a value that was refused by the fast code, and is right."""
    if not isinstance(failure, Unusual):
        fast_faults.note(wire.name, failure)
