"""Makes a method of both clients from one function that builds a call, with its signature for type checkers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cache, partial, wraps
from inspect import Signature, signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from vultus_client.folder.enrolling import enroll_by_tasks, enroll_by_threads
from vultus_client.folder.report import Report
from vultus_client.folder.run import FolderRun
from vultus_client.request import Call, Defaults, Page
from vultus_client.senders import AsyncSender, Sender

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", Sender, AsyncSender)


class Bound(Generic[S]):
    """What has a sender: a client, or a part of it like `client.subjects`."""

    def __init__(self, sender: S) -> None:
        self._sender: S = sender


class Method(Generic[P, T]):
    """A method that returns the result of a call; of an `AsyncClient` it is awaited."""

    def __init__(self, build: Callable[Concatenate[Defaults, P], Call[T]]) -> None:
        self._build, self.__doc__ = build, build.__doc__

    @overload
    def __get__(self, owner: Bound[Sender], kind: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, owner: Bound[AsyncSender], kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else _method(self._build, owner._sender, owner._sender.send)


class Listing(Generic[P, T]):
    """A method that iterates over all pages of a list: `for`, and of an `AsyncClient` `async for`."""

    def __init__(self, build: Callable[Concatenate[Defaults, P], Call[Page[T]]]) -> None:
        self._build, self.__doc__ = build, build.__doc__

    @overload
    def __get__(self, owner: Bound[Sender], kind: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, owner: Bound[AsyncSender], kind: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else _method(self._build, owner._sender, owner._sender.iterate)


class FolderMethod(Generic[P]):
    """A method that works off a folder: by threads, or by tasks."""

    def __init__(self, start: Callable[Concatenate[Defaults, P], FolderRun]) -> None:
        self._start, self.__doc__ = start, start.__doc__

    @overload
    def __get__(self, owner: Bound[Sender], kind: type) -> Callable[P, Report]: ...

    @overload
    def __get__(self, owner: Bound[AsyncSender], kind: type) -> Callable[P, Coroutine[Any, Any, Report]]: ...

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        sender = owner._sender
        work = enroll_by_threads if isinstance(sender, Sender) else enroll_by_tasks
        return _method(self._start, sender, partial(work, sender))


def _method(build: Callable[..., Any], sender: Any, send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(build)
    def method(*arguments: Any, **options: Any) -> Any:
        return send(lambda: build(sender.options.defaults, *arguments, **options))

    vars(method)["__signature__"] = _signature(build)
    return method


@cache
def _signature(build: Callable[..., Any]) -> Signature:
    """Without the first parameter, which the sender gives."""
    whole = signature(build)
    return whole.replace(parameters=list(whole.parameters.values())[1:])
