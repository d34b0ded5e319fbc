"""The engine beside the model of the contract (tests/actions/test_batch_model.py), in longer runs."""

from dataclasses import dataclass

import psycopg
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from tests.actions.test_batch_model import EXECUTIONS, SETTINGS, TASKS, BatchMachine
from tests.cast import Tenant
from tests.database import OWNER_URL
from tests.prove import planted

_STEPS = 50
_DELETIONS = 4  # in a run


@dataclass(frozen=True)
class Figures:
    runs: int
    steps: int
    events_compared: int


class LongMachine(BatchMachine):
    """Looks at the database after some steps and in the end: it holds more and more of a long run."""

    runs = steps = events = 0

    @precondition(lambda self: len(self.deleted) < _DELETIONS)
    @rule(place=st.integers(0, EXECUTIONS - 1))
    def delete_a_flow_execution(self, place: int) -> None:
        """Not as often as batches: the one that takes its place takes as long to make as ten of them."""
        super().delete_a_flow_execution(place)

    @invariant()
    def both_hold_the_same(self) -> None:
        LongMachine.steps += 1
        self.age = getattr(self, "age", 0) + 1
        if self.age % 5 == 0:
            super().both_hold_the_same()

    def teardown(self) -> None:
        super().both_hold_the_same()
        LongMachine.runs += 1
        LongMachine.events += len(self.model.changes)


def attack(count: int, seed_: int) -> Figures:
    tenant, neighbour = Tenant.create(), Tenant.create("Neighbour")
    foreign = neighbour.execution(*TASKS).id
    with psycopg.connect(OWNER_URL, autocommit=True) as owner:
        machine = seed(seed_)(lambda: LongMachine(tenant, foreign, owner))
        # Or Hypothesis would end many a run after a few steps.
        run_state_machine_as_test(machine, settings=_settings(count), _min_steps=_STEPS)
    return Figures(LongMachine.runs, LongMachine.steps, LongMachine.events)


def _settings(count: int) -> settings:
    phases = [Phase.generate] if planted.bug() else [Phase.generate, Phase.shrink]  # a control need not explain itself
    return settings(
        SETTINGS, max_examples=count, stateful_step_count=_STEPS, derandomize=False, database=None, phases=phases
    )
