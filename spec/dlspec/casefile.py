"""Frozen cases on disk: JSON in which every floating-point number is written in hexadecimal.

Hexadecimal, because the cases are the same exam for everybody: a decimal number would leave its
last bit to the reader's library. Integers are written as they are; a file holds one list of cases
for one id, and stands at `cases/<profile>/<rest of the id>.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "cases"


def encode(value: Any) -> Any:
    """Anything a case may hold, as JSON has it."""
    if isinstance(value, np.ndarray):
        numbers = value.ravel().tolist()
        data = [number.hex() for number in numbers] if value.dtype.kind == "f" else numbers
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, dict):
        return {"dict": {key: encode(item) for key, item in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise TypeError(f"a case can't hold a {type(value).__name__}")


def decode(value: Any) -> Any:
    """The inverse of `encode`."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "dtype" in value:
        numbers = [float.fromhex(n) if isinstance(n, str) else n for n in value["data"]]
        return np.array(numbers, dtype=value["dtype"]).reshape(value["shape"])
    if "float" in value:
        return float.fromhex(value["float"])
    if "tuple" in value:
        return tuple(decode(item) for item in value["tuple"])
    return {key: decode(item) for key, item in value["dict"].items()}


def path_of(id: str) -> Path:
    """Where the cases of a clause, or of an op of the catalogue, stand."""
    profile, rest = id.split(".", 1)
    return FOLDER / profile / f"{rest}.json"


_substitutes: dict[str, tuple[dict[str, Any], ...]] = {}


def substitute(cases: Mapping[str, tuple[dict[str, Any], ...]]) -> None:
    """Have `load` give these instead of the frozen cases of their ids, in this process."""
    _substitutes.update(cases)
    load.cache_clear()


@cache
def load(id: str) -> tuple[dict[str, Any], ...]:
    """The frozen cases of an id; none where it has no file."""
    if id in _substitutes:
        return _substitutes[id]
    path = path_of(id)
    if not path.exists():
        return ()
    return tuple(decode(json.loads(path.read_text(encoding="utf-8"))["cases"]))


def dumps(id: str, cases: list[dict[str, Any]]) -> str:
    """The text of a case file: one case a line, so that a change shows as the lines it touches."""
    lines = ",\n".join("  " + json.dumps(encode(case), separators=(", ", ": ")) for case in cases)
    return f'{{"id": {json.dumps(id)}, "cases": [\n{lines}\n]}}\n'


def sha256() -> str:
    """One digest of all frozen cases: two reports with the same one come from the same exam."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.json")):
        digest.update(path.relative_to(FOLDER).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()
