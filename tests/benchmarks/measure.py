"""Timing in alternating rounds, so that the noise of the machine meets every contender alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Sorted seconds."""

    seconds: tuple[float, ...]

    def quantile(self, share: float) -> float:
        return self.seconds[min(int(len(self.seconds) * share), len(self.seconds) - 1)]

    @property
    def p50(self) -> float:
        return self.quantile(0.5)

    @property
    def p90(self) -> float:
        return self.quantile(0.9)


def in_turns(
    contenders: Mapping[str, Callable[[], Callable[[], object]]], rounds: int, block: int = 1, warm_up: int = 1
) -> dict[str, Times]:
    """Each round, every contender works `block` times in a row; who begins moves on by one.

    A contender is asked for its work first, which does not count; the work itself is timed.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            seconds = [_timed(work) for work in [contenders[name]() for _ in range(block)]]
            if number >= 0:
                taken[name] += seconds
    return {name: Times(tuple(sorted(values))) for name, values in taken.items()}


def _timed(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
