"""A writer and a reader of one message: fast code, and the general one behind it for what is not common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from meshgen.codec import fast_faults
from meshgen.codec.encode import Fill
from meshgen.codec.payloads import MessageBytes
from meshgen.codec.pycode import Unusual
from meshgen.codec.wireformat import Buffer
from meshgen.schema.convert.readers import Reader
from meshgen.schema.misfit import TOO_DEEP, EncodeError

Run: TypeAlias = Callable[[Any], Any]
"""A value → its message, or a message → its value."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Who does what is left by code that goes past protobuf."""

    common: Run
    """For what is not small, or was written in another way."""
    general: Callable[[Any, Exception], Any]
    """For what raised an error."""


CompileSmall: TypeAlias = Callable[[Otherwise], Run]


class MessageWriter:
    """Python values → bytes."""

    def __init__(
        self,
        wire: MessageBytes,
        general: Fill,
        compile_fast: Callable[[], Fill],
        *,
        deep: bool,
        compile_small: CompileSmall | None = None,
    ) -> None:
        """Prepare.

        Args:
            wire: bytes of the message.
            general: writes all values, or says what is wrong with them.
            compile_fast: makes what writes the common ones; asked at the first message, as many are never written.
            deep: values may be nested deeper than protobuf reads.
            compile_small: makes what writes some of these past protobuf.
        """
        self.write: Callable[[Any], bytes] = self._write_first
        """The bytes of a message that carries the value; raises EncodeError when it does not fit."""
        self._wire = wire
        self._general = general
        self._compile = compile_fast
        self._compile_small = compile_small
        self._fill: Fill | None = None
        self._parts: Run | None = None
        self._check: Run | None = None
        self._deep = deep

    def parts(self, value: Any) -> Sequence[Buffer]:
        """What `write` gives, big payloads apart; `MessageBytes.parts` says more."""
        if self._parts is None:
            self._parts = self._compiled(self._wire.parts, self._compile_small)
        parts = self._parts(value)
        return (parts,) if isinstance(parts, bytes) else parts

    def check(self, value: Any) -> None:
        """Raise what `write` would, without copying big payloads."""
        if self._check is None:
            self._check = self._compiled(self._wire.check, None)
        self._check(value)

    def _write_first(self, value: Any) -> bytes:
        write: Callable[[Any], bytes] = self._compiled(self._wire.write, self._compile_small)
        self.write = write
        return write(value)

    def _compiled(self, run: Callable[..., Any], compile_small: CompileSmall | None) -> Run:
        self._fill = self._fill or self._compile()
        fast: Run = partial(run, self._fill, verify=self._deep)

        def generally(value: Any, failure: Exception) -> Any:
            try:
                done = run(self._general, value, verify=self._deep)
            except (RecursionError, DecodeError):
                raise EncodeError(TOO_DEEP) from None
            _note(self._wire, failure)
            return done

        common = _tried(fast, generally)
        return common if compile_small is None else compile_small(Otherwise(common, generally))


class MessageReader:
    """Bytes → Python values."""

    def __init__(
        self,
        wire: MessageBytes,
        general: Reader,
        compile_fast: Callable[[], Reader],
        *,
        compile_small: CompileSmall | None = None,
    ) -> None:
        """Prepare.

        Args:
            wire: bytes of the message.
            general: reads all values or says what is wrong.
            compile_fast: makes what reads the common ones.
            compile_small: makes what reads some of these past protobuf.
        """
        self.read: Callable[[Buffer], Any] = self._read_first
        """The value of a message.

        It raises Misfit when that does not fit, DecodeError or RecursionError when the bytes are not a message of this
        class, or it is nested too deep.
        """
        self._wire = wire
        self._general = general
        self._compile = compile_fast
        self._compile_small = compile_small

    def _read_first(self, data: Buffer) -> Any:
        common = _tried(partial(self._wire.read, self._compile()), self._generally)
        small = self._compile_small
        self.read = common if small is None else small(Otherwise(common, self._generally))
        return self.read(data)

    def _generally(self, data: Buffer, failure: Exception) -> Any:
        if isinstance(failure, DecodeError):
            raise failure
        value = self._wire.read(self._general, data)
        _note(self._wire, failure)
        return value


def _tried(fast: Run, generally: Callable[[Any, Exception], Any]) -> Run:
    def run(value: Any) -> Any:
        try:
            return fast(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the general code says what is wrong, and where
            failure = error
        try:
            return generally(value, failure)
        finally:
            del failure  # it holds this frame, and the value with it

    return run


def _note(wire: MessageBytes, failure: Exception) -> None:
    """Take note of a value that was refused by the fast code, and is right."""
    if not isinstance(failure, Unusual):
        fast_faults.note(wire.name, failure)
