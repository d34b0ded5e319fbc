"""Timing in alternating rounds, so that the noise of the machine meets every contender alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WARM_UP = 20  # rounds that do not count: statements are being prepared, caches filled


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
    contenders: Mapping[str, Callable[[], Callable[[], object]]], rounds: int, warm_up: int = WARM_UP
) -> dict[str, Times]:
    """Time each contender once a round; who begins moves on by one each round.

    A contender is asked for its work first (what it prepares does not count), and the work is timed.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            work = contenders[name]()
            before = time.perf_counter()
            work()
            seconds = time.perf_counter() - before
            if number >= 0:
                taken[name].append(seconds)
    return {name: Times(tuple(sorted(values))) for name, values in taken.items()}
