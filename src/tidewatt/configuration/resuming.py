"""Checkpoints of a search that tell which question they are of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tidewatt.configuration.validation import Asked
from tidewatt.errors import TidewattError
from tidewatt.result import Checkpoint

__all__ = ["Kept"]

_ANY = ("threads", "time_limit_s", "days_test", "accepted_wait_min")
"""Parameters of `configure` that may differ: they change no plan's score."""

_PART = "study"


class Kept:
    """A checkpoint of the search for one question: another question's is refused.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where states are kept.
    asked : Asked
        The question.
    """

    def __init__(self, checkpoint: Checkpoint, asked: Asked) -> None:
        self._inner = checkpoint
        every = {name: v for name, v in dataclasses.asdict(asked.parameters).items() if name not in _ANY}
        self._question = json.loads(
            json.dumps({"configuration": every, "simulation": asked.simulation.days_drawn()}, default=str)
        )

    def due(self) -> bool:
        """Whether it is time to save again."""
        return self._inner.due()

    def save(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep a state with the question."""
        self._inner.save({**state, _PART: {"question": json.dumps(self._question)}})

    def load(self) -> Mapping[str, Mapping[str, Any]] | None:
        """What was saved last; None: nothing.

        Raises
        ------
        TidewattError
            It is of another question: with what differs.
        """
        state = self._inner.load()
        if state is None:
            return None
        former = json.loads(str(state.get(_PART, {}).get("question", "{}")))
        changed = [
            f"{name} = {former.get(study, {}).get(name)}, now {value}"
            for study, values in self._question.items()
            for name, value in values.items()
            if former.get(study, {}).get(name) != value
        ]
        if changed:
            raise TidewattError(
                f"The checkpoint was made with other parameters ({'; '.join(changed)}). "
                "Resume with those, or start anew without resuming."
            )
        return {name: part for name, part in state.items() if name != _PART}
