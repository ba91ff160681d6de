"""Every array that a user can reach is its own: what is written into one shows in no other.

Results that are views by nature (`transpose`, `reshape`, `expand`) may share memory with their operand, and
an array may be read-only. What may not be is a change of one array that changes another: nothing raises, and
a model trains a little worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.objects.helpers import SAMPLES, new, parameters_of, provided, sampled_ops, uneven
from dlspec.clauses.objects.sentinels import SENTINEL, assert_apart
from dlspec.implementation import TapeImplementation, Value
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)

Array = NDArray[Any]

VIEWS = ("transpose", "reshape", "expand")


def gradient_array(impl: TapeImplementation, leaf: Value) -> Array | None:
    """The array of a gradient itself, not a copy."""
    gradient = impl.grad(leaf)
    return None if gradient is None else impl.numpy(gradient)


@clause(depends=("ops.*.gradient", "ops.*.nothing_is_written"))
def test_data_and_gradients_of_every_op(impl: TapeImplementation) -> None:
    """Writing into the data or the gradient of an operand, into a result or a cotangent MUST NOT show in any
    other of them, whatever the op.
    """
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        leaves = [impl.leaf(operand) for operand in operands]
        value = getattr(impl.F, op)(*leaves, **static)
        cotangent = uneven(impl.array(value).shape)
        impl.backward(value, cotangent)
        arrays: dict[str, Array | None] = {"the cotangent": cotangent}
        for k, leaf in enumerate(leaves):
            arrays[f"data of operand {k}"] = impl.numpy(leaf)
            arrays[f"gradient of operand {k}"] = gradient_array(impl, leaf)
        if op not in VIEWS:
            arrays["the result"] = impl.numpy(value)
        assert_apart(arrays, f"of {op}")


@clause()
def test_what_the_user_handed_in(impl: TapeImplementation) -> None:
    """Arrays handed to a tensor, as its data, its cotangent or its gradient, MUST be the user's alone
    afterwards: writing there changes no tensor, and no tensor changes them.
    """
    tensor = impl.named("Tensor")
    sources = {f"source {k}": np.array([2.0 + k, -3.0]) for k in range(5)}
    x, c = tensor(sources["source 0"], autograd=True), tensor(sources["source 1"])
    x.data = sources["source 2"]
    h = x * c
    seed, boxed = sources["source 3"], tensor(sources["source 4"])
    h.backward(seed)
    x.backward(boxed)
    given = np.array([5.0, 6.0])
    y = tensor(np.array([1.0, 1.0]), autograd=True)
    y.grad = tensor(given)
    arrays = {
        **sources,
        "the array that became a gradient": given,
        "the tensor that served as a cotangent": impl.numpy(boxed),
        "data of x": impl.numpy(x),
        "data of the constant": impl.numpy(c),
        "data of the result": impl.numpy(h),
        "gradient of x": gradient_array(impl, x),
        "gradient of y": gradient_array(impl, y),
    }
    assert_apart(arrays, "handed in")


@clause(depends=("ops.*.gradient", "what_the_user_handed_in"))
def test_sources_may_be_reused_before_backward(impl: TapeImplementation) -> None:
    """Where the user's arrays are filled anew between forward and backward, as a loop that loads batches
    does, the gradient MUST be that of what they held when they were used.
    """
    tensor = impl.named("Tensor")
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        cotangent = uneven(BY_NAME[op].define(*operands, **static).shape)
        bars = []
        for overwriting in (False, True):
            mine = [operand.copy() for operand in operands]
            told = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in static.items()}
            leaves = [tensor(operand, autograd=True) for operand in mine]
            value = getattr(impl.F, op)(*leaves, **told)
            for array in (*mine, *(v for v in told.values() if isinstance(v, np.ndarray))):
                if overwriting:
                    array[...] = SENTINEL if array.dtype.kind == "f" else 0
            impl.backward(value, cotangent.copy())
            bars.append([impl.gradient(leaf) for leaf in leaves])
        for k, (got, right) in enumerate(zip(bars[1], bars[0], strict=True)):
            assert_equal(got, right, f"gradient of operand {k} of {op}, whose source was overwritten")


@clause(depends="objects.accumulation.a_result_may_retain_its_gradient")
def test_retained_gradients(impl: TapeImplementation) -> None:
    """Writing into a gradient that a result retains MUST NOT show in any other gradient, nor the other way
    round.
    """
    x, w = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([5.0, 7.0]))
    h = impl.F.add(x, w)
    k = impl.F.add(h, x)
    y = impl.F.subtract(k, w)
    for result in (h, k, y):
        impl.retain_grad(result)
    seed = np.array([1.0, -4.0])
    impl.backward(y, seed)
    names = {"x": x, "w": w, "x + w": h, "the sum before the last": k, "the last": y}
    assert_apart(
        {"the cotangent": seed, **{f"gradient of {n}": gradient_array(impl, t) for n, t in names.items()}},
        "retained",
    )


@clause(depends=("ops.*.gradient", "objects.accumulation.leaves_add_up_over_calls"))
def test_what_arrives_later(impl: TapeImplementation) -> None:
    """What was written into gradients MUST NOT show in what a further `backward` on a retained graph sends,
    whatever the op.
    """
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        leaves = [impl.leaf(operand) for operand in operands]
        value = getattr(impl.F, op)(*leaves, **static)
        cotangent = uneven(impl.array(value).shape)
        impl.backward(value, cotangent, retain_graph=True)
        right = [impl.gradient(leaf) for leaf in leaves]
        for leaf in leaves:
            array = gradient_array(impl, leaf)
            if array is not None and array.flags.writeable:
                array[...] = SENTINEL
            impl.set_grad(leaf, None)
        impl.backward(value, cotangent)
        for k, leaf in enumerate(leaves):
            assert_equal(impl.gradient(leaf), right[k], f"gradient of operand {k} of {op} in a second call")


@clause()
def test_detached_data(impl: TapeImplementation) -> None:
    """Writing into detached data MUST NOT show in the tensor it came from, nor the other way round."""
    x = impl.leaf(np.array([2.0, -3.0]))
    h = impl.F.multiply(x, x)
    once = impl.detach(h)
    tensors = {"x": x, "x detached": impl.detach(x), "x*x": h, "x*x detached": once}
    tensors["x*x detached twice"] = impl.detach(once)
    assert_apart({f"data of {name}": impl.numpy(tensor) for name, tensor in tensors.items()}, "detached")


@clause(depends=("ops.*.value", "objects.no_grad.nothing_is_recorded"))
def test_results_without_recording(impl: TapeImplementation) -> None:
    """Writing into a leaf MUST NOT show in a result that was computed inside `no_grad()`, nor the other way
    round.
    """
    for op in sampled_ops(impl):
        if op in VIEWS:
            continue
        operands, static = SAMPLES[op]
        leaves = [impl.leaf(operand) for operand in operands]
        with impl.no_grad():
            value = getattr(impl.F, op)(*leaves, **static)
        arrays = {f"data of operand {k}": impl.numpy(leaf) for k, leaf in enumerate(leaves)}
        assert_apart({**arrays, "the result": impl.numpy(value)}, f"of {op} in no_grad")


@clause(depends="objects.state.it_holds_copies")
def test_state_of_a_layer(impl: TapeImplementation) -> None:
    """Writing into a parameter, its gradient, an entry of `state_dict()` or an array that was loaded MUST NOT
    show in any other of them.
    """
    layer = new(impl, "Linear", 3, 2)
    loaded = {name: np.array(array) + 1 for name, array in provided(layer, "state_dict")().items()}
    first = layer.state_dict()
    provided(layer, "load_state_dict")(loaded)
    second = layer.state_dict()
    x = impl.leaf(np.array([[1.0, 2.0, 3.0]]))
    impl.backward(layer.forward(x), np.array([[1.0, -2.0]]))
    arrays: dict[str, Array | None] = {
        "data of the input": impl.numpy(x),
        "gradient of the input": gradient_array(impl, x),
    }
    for number, parameter in enumerate(parameters_of(layer)):
        arrays[f"parameter {number}"] = impl.numpy(parameter)
        arrays[f"gradient of parameter {number}"] = gradient_array(impl, parameter)
    for when, state in (("before", first), ("loaded", loaded), ("after", second)):
        arrays.update({f"{name} of the state {when}": array for name, array in state.items()})
    assert_apart(arrays, "of a Linear")


@clause(depends="objects.state.loading_copies")
def test_two_models_with_one_state(impl: TapeImplementation) -> None:
    """Models that were loaded from one state MUST NOT share it, nor anything with each other."""
    one, other = new(impl, "Linear", 3, 2), new(impl, "Linear", 3, 2)
    state = {name: np.array(array) + 1 for name, array in provided(one, "state_dict")().items()}
    for model in (one, other):
        provided(model, "load_state_dict")(state)
    arrays: dict[str, Array | None] = {f"{name} of the state": array for name, array in state.items()}
    for name, model in (("one", one), ("the other", other)):
        for number, parameter in enumerate(parameters_of(model)):
            arrays[f"parameter {number} of {name}"] = impl.numpy(parameter)
    assert_apart(arrays, "of two models")


@clause(depends="objects.optimizer_state.a_step_moves_against_the_gradient")
def test_what_an_optimizer_remembers(impl: TapeImplementation) -> None:
    """What an optimizer remembers from step to step MUST be its own: writing into gradients between two steps
    changes neither what the last one meant nor another parameter's.
    """
    for options in ({"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}):
        ends = []
        for overwriting in (False, True):
            x, y = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([5.0, 7.0]))
            optimizer = new(impl, "SGD", [x, y], alpha=0.5, **options)
            shared = np.array([1.0, -4.0])
            held = []
            for _ in range(3):
                for leaf in (x, y):
                    impl.set_grad(leaf, shared)
                held += [gradient_array(impl, leaf) for leaf in (x, y)]
                provided(optimizer, "step", "zero")(zero=False)
                held += [gradient_array(impl, leaf) for leaf in (x, y)]
                for array in held if overwriting else ():
                    if array is not None and array.flags.writeable:
                        array[...] = SENTINEL
            ends.append([impl.array(x), impl.array(y)])
        for k in (0, 1):
            assert_equal(ends[1][k], ends[0][k], f"parameter {k} after three steps with {options}")
