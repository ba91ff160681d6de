"""Numbers whose bytes another machine wrote."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = (
    "objects.construction.numbers_lists_and_arrays",
    "objects.backward.a_cotangent_may_be_an_array_or_a_tensor",
)


@clause()
def test_the_order_of_bytes_makes_no_difference(impl: TapeImplementation) -> None:
    """Data in either order of bytes, as files of other machines have it, MUST be taken as the numbers that
    it is, in their precision.
    """
    tensor = impl.named("Tensor")
    for dtype in impl.dtypes:
        native = np.dtype(dtype)
        for order in (native, native.newbyteorder("S")):
            t = tensor(np.array([1.5, -2.0], order), autograd=True)
            impl.backward(impl.F.multiply(t, t), np.array([1.0, 3.0], dtype))

            what = f"{dtype} with the bytes as in {order.str}"
            assert_fact(impl.numpy(t).dtype.newbyteorder("="), np.dtype(dtype), f"type of {what}")
            assert_equal(impl.array(t), np.array([1.5, -2.0]), what)
            assert_equal(impl.gradient(t), np.array([3.0, -12.0]), f"gradient of {what}")
