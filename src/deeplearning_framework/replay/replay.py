"""What a user holds: a step that records itself, repeats what was recorded, or says why it can't."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

from deeplearning_framework.errors import ArgumentError, ReplayError
from deeplearning_framework.replay.program import Program
from deeplearning_framework.replay.recording import Thing, current
from deeplearning_framework.replay.take import Take

_MOST = 3  # recordings: the first one may differ from the rest, since momentum begins with nothing


class Replay:
    """A step that is recorded once and then repeated, without building anything anew.

    It is called as the step is::

        def step(x, y):
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = Replay(step)
        for x, y in batches:
            print(step(x, y))

    The first two calls (three with momentum) run the step and record it; each of the next ones repeats what
    was recorded, with the same result to the last bit. Arrays, and tensors without autograd, may hold other
    numbers in every call. So may the parameters, and `alpha` may change. All else is as it was: numbers that
    are no arrays, what the step reads from elsewhere in Python, what it does besides computing.

    What a replay returns are copies: constants in the place of tensors. Gradients that the step leaves in
    `grad` are written over by the next one. Several threads may call it; they take turns.

    Args:
        step: A function of any number of arguments, each array by itself. It may read and train whatever it
            finds.
        fallback: What to do with a call that no recording serves: ``"raise"`` an error, ``"record"`` the step
            for these shapes too, or run it as it is (``"eager"``), also if it can't be recorded at all.

    Attributes:
        reason: Why the last call was no replay; empty if it was one.

    Raises:
        ArgumentError: The fallback is none of the three.
    """

    def __init__(self, step: Callable[..., Thing], fallback: str = "raise") -> None:
        """Wait for the first call."""
        if fallback not in ("raise", "record", "eager"):
            raise ArgumentError(f"Replay: fallback is 'raise', 'record' or 'eager', not {fallback!r}")
        self.fallback, self.reason = fallback, ""
        self._step = step
        self._programs: list[Program] = []
        self._takes: list[Take] = []
        self._refused = ""
        self._one_at_a_time = threading.RLock()  # there is one memory

    def __call__(self, *args: Thing) -> Thing:
        """Take the step.

        Raises:
            ReplayError: It can't be recorded, or the recording doesn't serve, and there is no fallback. What
                the step had done when that was found stays done.
        """
        if current() is not None:
            return self._step(*args)  # inside another step that is being recorded
        with self._one_at_a_time:
            misfit = ""
            for program in self._programs:
                other = program.take.other(args) or program.misfit(())
                if not other:
                    self.reason = ""
                    return program.run(args)
                misfit = misfit or other
            self.reason = self._refused or misfit
            if misfit and self.fallback == "raise":
                raise ReplayError(f"Replay: {misfit}")
            if not self._refused and not (misfit and self.fallback == "eager"):
                # Where not even the arguments are others, a program will never fit again.
                self._programs = [program for program in self._programs if program.take.other(args)]
                return self._record(args)
        return self._step(*args)

    def __str__(self) -> str:
        """The calls of the newest recording, as the Python that is run. A letter is a place in memory."""
        return "\n".join(self._programs[-1].source) if self._programs else "nothing recorded yet"

    def _record(self, args: tuple[Thing, ...]) -> Thing:
        before = next((old for old in self._takes if not old.other(args)), None)
        collecting = gc.isenabled()
        gc.disable()  # it would go over a million lines again and again, of which none is garbage
        try:
            take = Take(self._step, args, self.fallback != "eager", before)
            self._takes = [old for old in self._takes if old is not before]
            if take.difference and take.runs >= _MOST:
                take.tape.refuse(f"what changes from call to call: {take.difference}")
            elif take.difference:
                if len(self._takes) >= _MOST and self.fallback != "record":
                    take.tape.refuse(f"arguments that are never the same: {self._takes[0].other(args)}")
                self._takes.append(take)
            elif not take.tape.refused:
                program = Program(take)
                if not take.tape.refused:
                    self._programs.append(program)
        finally:
            if collecting:
                gc.enable()
        self._refused = take.tape.refused
        self.reason = self._refused or "this call was recorded"
        return take.result
