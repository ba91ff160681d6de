"""`**` with an exponent that is no Python number."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.power.gradient",)


@clause()
def test_a_numpy_number_is_an_exponent(impl: TapeImplementation) -> None:
    """`t ** number` with a NumPy number MUST give the value and the gradient that the Python number gives."""
    tensor, data, cotangent = impl.named("Tensor"), np.array([0.5, 2.0, 4.0]), np.array([1.0, -2.0, 3.0])
    provided(tensor, "__pow__")
    for number in (np.int64(3), np.float64(2.0), np.float64(-1.0), np.int32(1)):
        found = []
        for exponent in (number, number.item()):
            t = tensor(data, autograd=True)
            power = t**exponent
            impl.backward(power, cotangent)
            found.append((impl.array(power), impl.gradient(t)))
        (value, gradient), (right, right_gradient) = found
        assert_equal(value, right, f"t ** {number!r}")
        assert_equal(gradient, right_gradient, f"gradient of t in t ** {number!r}")
