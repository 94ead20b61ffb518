"""What many ask at about the same time is asked once: one transaction instead of fifty."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

A = TypeVar("A")
R = TypeVar("R")


class Together(Generic[A, R]):
    """Collects questions while one is under way, and asks them with the next. Nobody waits for company."""

    def __init__(self, ask: Callable[[Sequence[A]], Awaitable[Sequence[R]]], *, most: int) -> None:
        """``ask`` answers at most ``most`` questions, in their order; what it raises is raised for each of them."""
        self._ask = ask
        self._most = most
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, question: A) -> R:
        """The answer to one question. Who is cancelled while it waits is not asked for."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_them(), name="together")
        return await answer

    async def _ask_them(self) -> None:
        while self._waiting:
            these, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            these = [(question, answer) for question, answer in these if not answer.done()]
            if these:
                await self._ask_these([question for question, _ in these], [answer for _, answer in these])

    async def _ask_these(self, questions: Sequence[A], answers: Sequence[asyncio.Future[R]]) -> None:
        try:
            found = await self._ask(questions)
        except asyncio.CancelledError:
            for answer in answers:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  (told to each who asked)
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, one in zip(answers, found, strict=True):
            if not answer.done():
                answer.set_result(one)
