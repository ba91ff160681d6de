"""The state of a layer as a file, which is never trusted."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import (
    assert_fact,
    assert_state,
    file_limit,
    filled,
    new,
    parameters_of,
    provided,
    state_of,
)
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import refused

DEPENDS = (
    "objects.state.it_maps_names_to_the_parameters",
    "objects.state.loading_makes_two_models_one",
    "a_saved_state_is_loaded_as_it_was",
)


@clause()
def test_a_saved_state_is_loaded_as_it_was(impl: TapeImplementation) -> None:
    """`load(path)` MUST bring back what `save(path)` wrote, to the last bit, NaN and infinities included."""
    one = new(impl, "Sequential", [new(impl, "Linear", 2, 3), new(impl, "Linear", 3, 1)])
    impl.set_data(one.layers[0].bias, np.array([np.nan, -np.inf, 1 / 3]))
    other = new(impl, "Sequential", [new(impl, "Linear", 2, 3), new(impl, "Linear", 3, 1)])
    filled(impl, other, 4.0)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.npz")
        provided(one, "save")(path)
        provided(other, "load")(path)

    assert_state(other, state_of(one), "state of the model that was loaded")


@clause()
def test_a_missing_file_is_refused(impl: TapeImplementation) -> None:
    """`load(path)` MUST refuse a path where no file is with a FileNotFoundError or ValueError, and leave the
    model as it was.
    """
    layer = new(impl, "Linear", 2, 2)
    before = state_of(layer)
    with tempfile.TemporaryDirectory() as folder:
        load = provided(layer, "load")
        with refused(FileNotFoundError, ValueError, what="loading a file that isn't there"):
            load(str(Path(folder) / "nowhere.npz"))

    assert_state(layer, before, "state after the refusal")


@clause()
def test_a_truncated_file_is_refused(impl: TapeImplementation) -> None:
    """`load(path)` MUST refuse a file whose end is missing with a ValueError, wherever it is cut, and leave
    the model as it was.
    """
    layer = new(impl, "Linear", 2, 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        provided(layer, "save")(str(path))
        filled(impl, layer, 4.0)
        before, whole = state_of(layer), path.read_bytes()
        for part in range(8):
            kept = len(whole) * part // 8
            path.write_bytes(whole[:kept])
            with refused(ValueError, what=f"loading {kept} of {len(whole)} bytes"):
                provided(layer, "load")(str(path))
            assert_state(layer, before, "state after the refusal")


@clause()
def test_a_damaged_file_is_refused(impl: TapeImplementation) -> None:
    """`load(path)` MUST refuse a file in which the numbers were damaged with a ValueError, and leave the
    model as it was.
    """
    layer = new(impl, "Linear", 4, 4)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        provided(layer, "save")(str(path))
        damaged = bytearray(path.read_bytes())
        # Where the numbers themselves stand: they are found by their bytes, unless they were compressed.
        weight = state_of(layer)["weight"]
        place = max(damaged.find(weight.tobytes(order)) for order in ("C", "F"))
        damaged[place if place > 0 else len(damaged) // 2] ^= 0xFF
        path.write_bytes(damaged)
        filled(impl, layer, 4.0)
        before = state_of(layer)
        with refused(ValueError, what="loading a damaged file"):
            provided(layer, "load")(str(path))

    assert_state(layer, before, "state after the refusal")


@clause()
def test_a_foreign_file_is_refused(impl: TapeImplementation) -> None:
    """`load(path)` MUST refuse a file that is no state, or the state of another model, with a ValueError, and
    leave the model as it was.
    """
    layer = new(impl, "Linear", 2, 2)
    before = state_of(layer)
    with tempfile.TemporaryDirectory() as folder:
        text, array, other = (Path(folder) / name for name in ("text.npz", "array.npz", "other.npz"))
        text.write_text("these are not the numbers that you are looking for\n", encoding="utf-8")
        with array.open("wb") as file:
            np.save(file, np.ones((2, 2)))
        provided(new(impl, "Linear", 3, 2), "save")(str(other))
        for path in (text, array, other):
            with refused(ValueError, what=f"loading {path.name}"):
                provided(layer, "load")(str(path))
            assert_state(layer, before, "state after the refusal")


class Tripwire:
    """An object that makes itself known when it is unpickled."""

    tripped = False

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Have pickle call `_trip`."""
        return _trip, ()


def _trip() -> None:
    Tripwire.tripped = True


@clause()
def test_no_file_runs_code(impl: TapeImplementation) -> None:
    """`load(path)` MUST refuse a file with pickled objects with a ValueError, and run nothing that stands in
    it.
    """
    layer = new(impl, "Linear", 2, 2)
    load, names = provided(layer, "load"), list(state_of(layer))
    Tripwire.tripped = False
    with tempfile.TemporaryDirectory() as folder:
        arrays, pickled = Path(folder) / "arrays.npz", Path(folder) / "pickled.npz"
        objects: dict[str, Any] = dict.fromkeys(names, np.array([Tripwire()], dtype=object))
        with arrays.open("wb") as file:
            np.savez(file, **objects)
        pickled.write_bytes(pickle.dumps({name: Tripwire() for name in names}))
        for path in (arrays, pickled):
            with refused(ValueError, what=f"loading {path.name}, which holds objects"):
                load(str(path))
            assert_fact(Tripwire.tripped, False, f"whether loading {path.name} ran code from the file")


@clause()
def test_a_failed_save_leaves_the_old_file_whole(impl: TapeImplementation) -> None:
    """A `save(path)` that can't write to its end MUST raise an OSError, and leave the file that was there
    before as it was.
    """
    layer = new(impl, "Linear", 16, 16)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        save = provided(layer, "save")
        save(str(path))
        before = path.read_bytes()
        for parameter in parameters_of(layer):
            # Other numbers, but none that compress better: the second file has to be as long as the first.
            impl.set_data(parameter, -impl.array(parameter))
        with file_limit(len(before) // 2), refused(OSError, what="a save to a full disk"):
            save(str(path))
        assert_fact(path.read_bytes() == before, True, "whether the old file is as it was")


@clause()
def test_a_save_replaces_the_old_file(impl: TapeImplementation) -> None:
    """`save(path)` MUST replace a file that is there."""
    layer = new(impl, "Linear", 2, 2)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.npz")
        provided(layer, "save")(path)
        filled(impl, layer, 4.0)
        expected = state_of(layer)
        provided(layer, "save")(path)
        filled(impl, layer, 5.0)
        provided(layer, "load")(path)

    assert_state(layer, expected, "state that was loaded")
