"""What every layer is: a forward pass, and parameters that can be found, saved and loaded."""

from __future__ import annotations

import functools
import os
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplearning_framework.errors import (
    ArgumentError,
    DTypeError,
    FrameworkError,
    MissingStateFileError,
    StateError,
)
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Operand, Tensor, is_leaf, mark_updated

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    Rng = np.random.Generator | np.random.RandomState

Path = str | bytes | os.PathLike[Any]


class Layer:
    """A part of a network.

    A subclass calls ``super().__init__()``, keeps its parameters and its own layers as attributes (or in
    lists and tuples as attributes), and computes its output in `forward`::

        class Twice(Layer):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer

            def forward(self, x):
                return self.layer.forward(self.layer.forward(x))

    A parameter is a tensor made with ``autograd=True``. One that is no attribute may be put into
    `parameters`.

    Attributes:
        parameters: Parameters that subclasses want found without making attributes of them.
    """

    def __init__(self) -> None:
        """Start without parameters."""
        self.parameters: list[Tensor] = []

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 (passed on)
        """Have errors from the subclass's forward say which layer they happened in."""
        super().__init_subclass__(**options)
        forward = cls.__dict__.get("forward")
        if isinstance(forward, FunctionType):
            cls.forward = _telling(forward)  # type: ignore[method-assign]

    def __call__(self, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401 (passed on)
        """Compute the output: the same as `forward`."""
        return self.forward(*inputs, **options)

    def forward(self, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401 (up to the subclass)
        """Compute the output."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def get_parameters(self) -> list[Tensor]:
        """Every parameter of this layer and of those in it, each once, in the order of definition."""
        return [parameter for _, parameter in self._named_parameters()]

    def state_dict(self) -> dict[str, Array]:
        """A copy of every parameter's data, under its dotted name, such as ``0.weight``."""
        return {name: parameter.data.copy() for name, parameter in self._named_parameters()}

    def load_state_dict(self, state: Mapping[str, Operand]) -> None:
        """Set every parameter from a dict like that of `state_dict`, or none at all.

        Args:
            state: For exactly the names of `state_dict`, real numbers in the parameter's shape. They are
                copied into the parameter's own array, in its dtype.

        Raises:
            StateError: Something does not fit. The message lists all that doesn't; nothing was changed.
        """
        parameters = dict(self._named_parameters())
        problems = [f"{name} is missing" for name in parameters if name not in state]
        problems += [f"{name} is not a parameter of this model" for name in state if name not in parameters]
        arrays = {}
        for name, parameter in parameters.items():
            if name in state:
                array = _data(state[name])
                if array.dtype.kind not in "fiu":
                    problems.append(f"{name} has dtype {array.dtype}, not one of real numbers")
                elif array.shape != parameter.shape:
                    problems.append(f"{name} has shape {array.shape}, the parameter has {parameter.shape}")
                elif not parameter.data.flags.writeable:
                    problems.append(f"{name} is set in an array that is read-only")
                else:
                    arrays[name] = array.astype(parameter.dtype)
        if problems:
            raise StateError(f"{type(self).__name__}: the state does not fit:\n  " + "\n  ".join(problems))
        for name, array in arrays.items():
            np.copyto(parameters[name].data, array)
            mark_updated(parameters[name])

    def save(self, path: Path) -> None:
        """Write the state to a file, as an uncompressed ``.npz`` that `numpy.load` can read.

        A file of that name is replaced only once the new one is complete and on the disk, so that a save
        which is cut off leaves the old one whole.

        Args:
            path: Where to; no suffix is added.
        """
        import zipfile  # noqa: PLC0415 (takes as long to import as this whole package)

        target = os.path.realpath(os.fsdecode(path))
        part = f"{target}.{os.urandom(4).hex()}.part"
        try:
            with open(part, "xb") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    for name, array in self.state_dict().items():
                        with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                            np.lib.format.write_array(entry, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise

    def load(self, path: Path) -> None:
        """Read a state that `save` wrote.

        Args:
            path: The file; no suffix is added.

        Raises:
            StateError: The file is missing (then it is a FileNotFoundError too), is damaged or something
                else, or its state does not fit. Nothing was changed.
        """
        name = os.fsdecode(path)
        try:
            with open(name, "rb") as file, np.load(file, allow_pickle=False) as archive:
                state = {key: archive[key] for key in archive.files}
        except FileNotFoundError as error:
            raise MissingStateFileError(f"load: there is no file {name!r}") from error
        except Exception as error:
            # A damaged archive fails in as many ways as it has fields.
            raise StateError(f"load: {name!r} is damaged, or no file written by save: {error}") from error
        self.load_state_dict(state)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        """The layer as the call that made it, as far as its own layers tell."""
        own = [f"{name}={value!r}" for name, value in self._attributes() if isinstance(value, Layer)]
        return f"{type(self).__name__}({', '.join(own)})"

    def _attributes(self) -> Iterable[tuple[str, object]]:
        """The attributes in which parameters are looked for, in order, by the name they go under."""
        return ((name, value) for name, value in vars(self).items() if name != "parameters")

    def _named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter once, under the first dotted name that leads to it."""
        return _search("", self, set())


def _search(name: str, value: object, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Find the parameters in a layer, a list or a tensor, and remember by id what has been seen."""
    if id(value) in seen or not isinstance(value, (Tensor, Layer, list, tuple)):
        return
    if isinstance(value, Tensor):
        if is_leaf(value):
            seen.add(id(value))
            yield name, value
        return
    seen.add(id(value))
    prefix = f"{name}." if name else ""
    children = value._attributes() if isinstance(value, Layer) else enumerate(value)
    for key, child in children:
        yield from _search(f"{prefix}{key}", child, seen)
    if isinstance(value, Layer):
        # A subclass that forgot super().__init__() has no such list, and needs none.
        for index, parameter in enumerate(getattr(value, "parameters", ())):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield f"{prefix}parameters.{index}", parameter


def _telling(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a forward so that an error passing through it is told which layer was at work."""

    @functools.wraps(forward)
    def wrapper(self: Layer, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401 (passed on)
        try:
            return forward(self, *inputs, **options)
        except FrameworkError as error:
            # A forward that calls super().forward is still one layer at work.
            if getattr(error, "told_by", None) is not self:
                error.told_by = self  # type: ignore[attr-defined]
                shapes = list(_shapes([*inputs, *options.values()]))
                what = "an input of shape" if len(shapes) == 1 else "inputs of shapes"
                error.add_note(f"  while calling {self!r} on {what} {', '.join(shapes)}")
            raise

    return wrapper


def _shapes(inputs: Iterable[object]) -> Iterator[str]:
    for value in inputs:
        if isinstance(value, (Tensor, np.ndarray)):
            yield str(value.shape)
        elif isinstance(value, (list, tuple)) and any(
            isinstance(item, (Tensor, np.ndarray)) for item in value
        ):
            yield f"[{', '.join(_shapes(value))}]"
        else:
            yield type(value).__name__


def _data(value: Operand) -> Array:
    try:
        return value.data if isinstance(value, Tensor) else np.asarray(value)
    except ValueError:
        return np.array(None)  # ragged lists: of no dtype that fits


def parameter_dtype(layer: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Check the dtype a layer is to have.

    Raises:
        DTypeError: It is neither float32 nor float64.
    """
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if checked not in (np.float32, np.float64):
        raise DTypeError(f"{layer}: parameters are float32 or float64, not {dtype}")
    return checked


def random_source(layer: str, rng: Rng | None) -> Any:  # noqa: ANN401 (a module, or either of the two classes)
    """Where initial weights are drawn from: NumPy's global generator unless another one is given.

    Raises:
        ArgumentError: It is no generator.
    """
    if rng is None:
        return np.random
    if not isinstance(rng, (np.random.Generator, np.random.RandomState)):
        raise ArgumentError(f"{layer}: rng is a numpy Generator or RandomState, not {type(rng).__name__}")
    return rng
