"""Who asks at the same time shares a look, and no answer is older than its question."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from spineplatform.shared.coalescing import Gathering, Once


async def test_all_who_ask_before_a_look_begins_share_it() -> None:
    looks: list[list[int]] = []
    gathering = Gathering(lambda keys: looks.append(sorted(keys)) or {key: key * 2 for key in keys})
    answers = await asyncio.gather(*(gathering.ask(number % 10) for number in range(100)))
    assert answers == [number % 10 * 2 for number in range(100)]
    assert looks == [list(range(10))]


async def test_who_asks_while_a_look_is_under_way_gets_the_next_one() -> None:
    state, begun, go_on = {"n": 1}, threading.Event(), threading.Event()

    def look(keys: list[str]) -> dict[str, Any]:
        seen = state["n"]
        begun.set()
        go_on.wait(5)
        return dict.fromkeys(keys, seen)

    gathering = Gathering(look)
    before = asyncio.create_task(gathering.ask("a"))
    await asyncio.to_thread(begun.wait, 5)
    state["n"] = 2
    after = asyncio.create_task(gathering.ask("a"))
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await before, await after) == (1, 2)


async def test_a_question_without_hurry_waits_for_others_and_a_hurried_one_takes_it_along() -> None:
    looks: list[list[str]] = []
    gathering = Gathering(lambda keys: looks.append(sorted(keys)) or dict.fromkeys(keys, 1))
    slow = asyncio.create_task(gathering.ask("slow", within=30))
    await asyncio.sleep(0.1)
    assert not slow.done()
    await gathering.ask("quick")
    assert await slow == 1
    assert looks == [["quick", "slow"]]


async def test_an_answer_that_is_an_error_is_raised_for_its_askers_alone() -> None:
    gathering: Gathering[str, int] = Gathering(
        lambda keys: {key: ValueError("no") if key == "bad" else 1 for key in keys}
    )
    good, bad = await asyncio.gather(gathering.ask("good"), gathering.ask("bad"), return_exceptions=True)
    assert good == 1
    assert isinstance(bad, ValueError)


async def test_a_look_that_fails_fails_for_all_and_the_next_one_is_tried() -> None:
    tries: list[int] = []

    def look(keys: list[str]) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError
        return dict.fromkeys(keys, 1)

    gathering = Gathering(look)
    with pytest.raises(ConnectionError):
        await gathering.ask("a")
    assert await gathering.ask("a") == 1


async def test_an_asker_who_goes_away_takes_nobody_along() -> None:
    gathering = Gathering(lambda keys: dict.fromkeys(keys, 1))
    gone, stays = asyncio.create_task(gathering.ask("a")), asyncio.create_task(gathering.ask("a"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 1


async def test_the_same_question_is_worked_on_once_until_it_begins() -> None:
    once, calls = Once(), []

    def work() -> int:
        calls.append(1)
        return len(calls)

    assert set(await asyncio.gather(*(once.ask("a", work) for _ in range(50)))) == {1}
    assert await once.ask("a", work) == 2
