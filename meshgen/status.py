"""What user code raises: one class per gRPC status code. Imports nothing but the standard library.

Source of the codes and their HTTP counterparts: `google/rpc/code.proto`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar


class Code(enum.IntEnum):
    """gRPC status codes by their wire number."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS: Mapping[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


DOMAIN = "meshgen"
"""The domain of the `google.rpc.ErrorInfo` in errors of services."""
ENVOY_DOMAIN = "envoy"
"""The same in errors that Envoy makes itself."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that does not fit, as `google.rpc.BadRequest.FieldViolation` has it."""

    field: str
    description: str


class StatusError(Exception):
    """An error with a gRPC status. Raise a subclass; it passes through joins unchanged.

    Attributes:
        message: text for the caller.
        node: name of the node that raised it, filled in on the way out.
        violations: the fields at fault, for `InvalidArgument`.
        reason: what happened, in UPPER_SNAKE_CASE, for programs: `OUT_OF_STOCK`. The code's name when it is empty.
        metadata: more about it, for programs: `{"item": "7"}`.
    """

    code: ClassVar[Code] = Code.UNKNOWN
    # Defaults of the class, for subclasses of users that do not call `super().__init__`.
    message: str = ""
    node: str = ""
    violations: tuple[Violation, ...] = ()
    reason: str = ""
    metadata: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str = "",
        *,
        node: str = "",
        violations: tuple[Violation, ...] = (),
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.violations = violations
        self.reason = reason
        self.metadata = dict(metadata or {})

    def __str__(self) -> str:
        return self.message or super().__str__()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args), self.__dict__)


def _rebuild(cls: type[StatusError], args: tuple[object, ...]) -> StatusError:
    """Without `__init__`, whose parameters a subclass of a user may have changed."""
    error = cls.__new__(cls)
    error.args = args
    return error


class Cancelled(StatusError):
    """The caller went away."""

    code = Code.CANCELLED


class Unknown(StatusError):
    """An error of another system that says no more."""

    code = Code.UNKNOWN


class InvalidArgument(StatusError):
    """The request is wrong whatever the state of the system."""

    code = Code.INVALID_ARGUMENT


class DeadlineExceeded(StatusError):
    """The answer would come too late."""

    code = Code.DEADLINE_EXCEEDED


class NotFound(StatusError):
    """What the request names does not exist."""

    code = Code.NOT_FOUND


class AlreadyExists(StatusError):
    """What the request creates exists."""

    code = Code.ALREADY_EXISTS


class PermissionDenied(StatusError):
    """The caller may not do this."""

    code = Code.PERMISSION_DENIED


class ResourceExhausted(StatusError):
    """A quota or a queue is full."""

    code = Code.RESOURCE_EXHAUSTED


class FailedPrecondition(StatusError):
    """The system is not in the state that the request needs."""

    code = Code.FAILED_PRECONDITION


class Aborted(StatusError):
    """The request lost a race; it may be tried again from its start."""

    code = Code.ABORTED


class OutOfRange(StatusError):
    """The request goes past a valid range that may grow."""

    code = Code.OUT_OF_RANGE


class Unimplemented(StatusError):
    """The operation does not exist here."""

    code = Code.UNIMPLEMENTED


class Internal(StatusError):
    """A bug in user code or in meshgen."""

    code = Code.INTERNAL


class Unavailable(StatusError):
    """The service cannot be reached now; trying again may help."""

    code = Code.UNAVAILABLE


class DataLoss(StatusError):
    """Data was lost or damaged."""

    code = Code.DATA_LOSS


class Unauthenticated(StatusError):
    """The caller did not say who it is."""

    code = Code.UNAUTHENTICATED


BY_CODE: Mapping[Code, type[StatusError]] = {cls.code: cls for cls in StatusError.__subclasses__()}
