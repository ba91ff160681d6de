"""State files: what is in them, and what damage does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from deeplearning_framework import Layer, Linear, MissingStateFileError, Sequential, StateError, Tensor


def model() -> Sequential:
    return Sequential([Linear(2, 1, rng=np.random.default_rng(0))])


def values(layer: Layer) -> list[list[float]]:
    return [p.data.ravel().tolist() for p in layer.get_parameters()]


def test_a_saved_model_is_a_plain_npz_at_exactly_the_path_given(tmp_path: Path) -> None:
    path = tmp_path / "model.state"
    model().save(path)
    assert os.listdir(tmp_path) == ["model.state"]
    with np.load(path, allow_pickle=False) as archive:
        assert sorted(archive.files) == ["0.bias", "0.weight"]
    other = Sequential([Linear(2, 1)])
    other.load(str(path))
    assert values(other) == values(model())
    other.load(os.fsencode(path))


class Awkward(Layer):
    """Names that are also arguments of numpy.savez."""

    def __init__(self) -> None:
        super().__init__()
        self.file = Tensor([1.0], autograd=True)
        self.allow_pickle = Tensor([2.0], autograd=True)


def test_no_name_of_a_parameter_is_special(tmp_path: Path) -> None:
    Awkward().save(tmp_path / "a")
    twin = Awkward()
    twin.load_state_dict({"file": [0], "allow_pickle": [0]})
    twin.load(tmp_path / "a")
    assert values(twin) == [[1], [2]]


def test_a_saved_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    model().save(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_saving_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    model().save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    Sequential([Linear(2, 1)]).load(tmp_path / "target")


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    path = tmp_path / "model"
    model().save(path)
    old = path.read_bytes()

    def fail(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, stage, fail)
    with pytest.raises(OSError, match="no space left"):
        Sequential([Linear(3, 3)]).save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model"]


def test_the_data_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(fd: int) -> None:
        calls.append("fsync")
        fsync(fd)

    def replaced(source: str, target: str) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    model().save(tmp_path / "model")
    assert calls == ["fsync", "replace"]


def test_a_missing_file_is_a_state_error_and_a_missing_file(tmp_path: Path) -> None:
    for kind in (MissingStateFileError, StateError, FileNotFoundError):
        with pytest.raises(kind, match="there is no file"):
            model().load(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a state at all", b"\x80\x04]."])
def test_something_else_is_refused_with_the_cause_attached(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(StateError, match="is damaged, or no file written by save") as caught:
        model().load(tmp_path / "x")
    assert caught.value.__cause__ is not None


def test_a_single_array_and_a_pickle_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.ones(3))
    pickled = {"0.weight": np.array([{}], dtype=object), "0.bias": np.ones(1)}
    np.savez(tmp_path / "pickled.npz", **pickled)  # type: ignore[arg-type]
    for name in ("array.npy", "pickled.npz"):
        with pytest.raises(StateError):
            model().load(tmp_path / name)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError):
        model().load(tmp_path)


def test_no_damaged_byte_ever_changes_a_weight(tmp_path: Path) -> None:
    path = tmp_path / "model"
    saved = model()
    saved.save(path)
    whole = path.read_bytes()
    expected = values(saved)
    blank = [[0.0, 0.0], [0.0]]
    loader = model()
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        loader.load_state_dict({"0.weight": np.zeros((2, 1)), "0.bias": np.zeros(1)})
        try:
            loader.load(path)
        except StateError:
            refused += 1
            assert values(loader) == blank
        else:
            assert values(loader) == expected, f"byte {position} of {len(whole)}"
    # Some bytes of an archive mean nothing, such as the times of its members; most mean something.
    assert refused > len(whole) / 2


def test_no_truncated_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "model"
    model().save(path)
    whole = path.read_bytes()
    for kept in range(len(whole)):
        path.write_bytes(whole[:kept])
        with pytest.raises(StateError):
            model().load(path)
