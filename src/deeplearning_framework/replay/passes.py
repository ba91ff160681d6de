"""What a compiler does before it writes code: passes over a list of lines, each of which makes it better."""

from __future__ import annotations

import math
import operator
from collections import Counter, defaultdict
from typing import Any

import numpy as np

from deeplearning_framework.replay.recording import IN_RANGE, Line, Ref, Tape, Thing, mapped
from deeplearning_framework.shapes import Array

_LARGE = 100_000  # numbers; from there on, memory is what takes time
# What is rounded right, and so comes out the same however the numbers lie in memory. A power need not.
_EXACT = (np.add, np.subtract, np.multiply, np.divide)


class Values:
    """What the passes know about the values of a recording.

    Attributes:
        tape: The recording.
        places: The arrays of those that have one: from the start what was there before, in the end all.
        lasting: The values whose memory outlives a replay, or is filled before it.
        ends: Those that the step returns.
    """

    def __init__(self, tape: Tape, places: dict[int, Array], ends: set[int]) -> None:
        """Take over what was recorded."""
        self.tape, self.places, self.layouts = tape, places, tape.layouts
        self.lasting, self.ends = set(places), {tape.roots[number] for number in ends}

    def place(self, number: int) -> Array:
        """The memory of a value; that of a view is found as it was when it was recorded."""
        if number not in self.places:
            line = self.tape.views[number]
            args, options = mapped(self.found, line.args), mapped(self.found, line.options)
            self.places[number] = line.function(*args, **options)
        return self.places[number]

    def found(self, value: Thing) -> Thing:
        """An operand with places for values."""
        return self.place(value) if type(value) is Ref else value


def optimized(values: Values) -> tuple[list[Line], list[Line]]:
    """What is to be called once and for all, and what in each replay; with places for all."""
    tape = values.tape
    lines = [line for line in tape.lines if line.result is None or tape.views.get(line.result) is not line]
    for number, array in tape.kept.items():  # which is to be filled with a value
        target, x = tape.new(array).ref, Ref(number)
        values.places[target] = array
        values.lasting.add(target)
        lines.append(
            Line(operator.setitem, (target, ..., x), {}, np.geterr(), target, (target, tape.roots[x]), target)
        )
    lines = stretched(needed(lines, values), values)
    never = never_changing(lines, values)
    once = [line for line in lines if line.writes in never]
    for line in once:
        values.places[line.writes] = room(values.layouts[line.writes])
    lines = direct(checks_first([line for line in lines if line.writes not in never], values), values)
    find_places(lines, values)
    return once, lines


def needed(lines: list[Line], values: Values) -> list[Line]:
    """What leads to a result, to a parameter or to an error; backwards, as in a walk through a graph."""
    wanted, found = values.lasting | values.ends, []
    for line in reversed(lines):
        if line.function is IN_RANGE or line.writes in wanted:
            found.append(line)
            wanted.update(line.reads)
    return found[::-1]


def stretched(lines: list[Line], values: Values) -> list[Line]:
    """Give a bias the size of what it is added to: NumPy copies it so three times as fast as it adds it so.

    What isn't written to in between is copied once.
    """
    tape, steady = values.tape, values.lasting | never_changing(lines, values)
    copies: dict[Thing, Ref] = {}
    found = []
    for line in lines:
        shape = values.layouts[line.writes][0] if line.function in _EXACT and elementwise(line) else ()
        if shape and not line.options and math.prod(shape) <= _LARGE:
            args = list(line.args)
            for position, x in enumerate(args):
                if type(x) is Ref and values.layouts[x][0] not in {(), shape} and tape.roots[x] in steady:
                    if (x, shape) not in copies:
                        copies[x, shape] = copy = tape.new(np.empty(shape, values.layouts[x][1])).ref
                        found.append(Line(np.array, (x,), {}, line.errors, copy, (tape.roots[x],), copy))
                    args[position] = copies[x, shape]
            reads = tuple([tape.roots[x] for x in args if type(x) is Ref])
            line = line._replace(args=tuple(args), reads=reads)  # noqa: PLW2901 (the same call)
        if line.writes in values.lasting:
            steady.discard(line.writes)
        found.append(line)
    return found


def never_changing(lines: list[Line], values: Values) -> set[int]:
    """What is computed from constants alone, and written once."""
    writes = Counter(line.writes for line in lines)
    found = set(values.tape.constants)
    for line in lines:
        number = line.writes
        if number not in values.lasting and writes[number] == 1 and found.issuperset(line.reads):
            found.add(number)
    return found - {-1}


def checks_first(lines: list[Line], values: Values) -> list[Line]:
    """Have errors raised before anything has changed."""
    checks: list[Line] = []
    rest: list[Line] = []
    wanted: set[int] = set()
    for line in reversed(lines):
        if line.function is IN_RANGE or line.writes in wanted:
            checks.append(line)
            wanted.update(line.reads)
        else:
            rest.append(line)
    others = {root for line in rest for root in line.reads}
    writes = Counter(line.writes for line in lines)
    for number in {line.writes for line in checks} - {-1}:
        if number in values.lasting or (writes[number] > 1 and number in others):
            values.tape.refuse("indices that are computed from what the step has changed")
    return checks[::-1] + rest[::-1]


def direct(lines: list[Line], values: Values) -> list[Line]:
    """Leave out the copy of what may as well be computed in the place that it is copied to."""
    layouts, roots = values.layouts, values.tape.roots
    touched: dict[int, list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        for root in {*line.reads, line.writes}:
            touched[root].append(position)
    left = []
    for position, line in enumerate(lines):
        if line.function is operator.setitem and line.args[1] is ... and type(line.args[2]) is Ref:
            target, _, source = line.args
            first, *others = touched[roots[source]]
            maker = lines[first]
            if (
                others == [position]  # made, and then copied
                and maker.result == source
                and source not in values.ends
                and layouts[source] == layouts[target]
                and roots[target] in values.places
                and not any(first < k < position for k in touched[roots[target]])
                and (
                    elementwise(maker)
                    or (maker.function is np.ndarray.dot and roots[target] not in maker.reads)
                )
            ):
                values.places[source] = values.place(target)
                continue
        left.append(line)
    return left


def find_places(lines: list[Line], values: Values) -> None:
    """Give every result memory: that of an operand nobody reads any more, if there is one alike."""
    layouts, places = values.layouts, values.places
    last: dict[int, int] = {}
    for position, line in enumerate(lines):
        last.update(dict.fromkeys((*line.reads, line.writes), position))
    free: dict[Thing, list[Array]] = defaultdict(list)
    mine: set[int] = set()
    for position, line in enumerate(lines):
        over = [root for root in set(line.reads) if root in mine and last[root] == position]
        number = line.writes
        if number >= 0 and number not in places:
            layout = layouts[number]
            alike = []
            if elementwise(line):
                operands = [x for x in line.args if type(x) is Ref]
                if {layouts[x][0] for x in operands} <= {(), layout[0]}:
                    alike = [x for x in over if x in operands and layouts[x] == layout]
            if number in values.ends:
                places[number] = room(layout)
            else:
                mine.add(number)
                if alike:
                    places[number] = places[alike[0]]
                    over.remove(alike[0])
                else:
                    places[number] = free[layout].pop() if free[layout] else room(layout)
        for root in over:
            free[layouts[root]].append(places[root])


def elementwise(line: Line) -> bool:
    """Whether each number that comes of a call depends on the numbers in the same place only."""
    return (
        isinstance(line.function, np.ufunc) and line.function.signature is None and line.result == line.writes
    )


def room(layout: tuple[Any, ...]) -> Array:
    """Memory for an array of that shape, with its axes in that order."""
    shape, dtype, strides = layout
    size = dtype.itemsize * math.prod(shape)
    return np.ndarray(shape, dtype, np.empty(size, np.uint8), 0, strides) if size else np.empty(shape, dtype)
