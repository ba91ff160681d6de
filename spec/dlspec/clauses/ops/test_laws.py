"""The laws: what is true of every op and layer of the catalogue.

Each law holds for each row, on the row's own cases; `{op}` stands for the row's name. The answers come from
the definition in the row, evaluated and differentiated in 60 digits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import Op
from dlspec.clause import OpCase, law, of_demanding_numbers, of_whole_numbers
from dlspec.clauses.ops.larger import LARGER, larger_operands
from dlspec.clauses.ops.programs import assert_answer, halves, in_another_thread, program_of, reordered
from dlspec.clauses.ops.stacking import STACKINGS, stacks
from dlspec.implementation import Implementation
from dlspec.oracle import AGREEMENT, answer_of
from dlspec.programs import lattice
from dlspec.tolerance import assert_dtype, assert_equal, assert_shape, assert_within, refused, rounding

Array = NDArray[Any]


@law(depends="shape")
def test_value(impl: Implementation, op: Op, case: OpCase) -> None:
    """The value of `{op}` MUST be that of its definition, within its budget of rounding errors."""
    value = impl.evaluate(program_of(op, case), *case.operands)

    bound = rounding(op.ulp, case.answer.value_scale, case.dtype)
    assert_within(value, case.answer.value, bound, op.name)


@law()
def test_shape(impl: Implementation, op: Op, case: OpCase) -> None:
    """The value of `{op}` MUST have the shape that its contract gives, also where a side is 0 or 1."""
    value = impl.evaluate(program_of(op, case), *case.operands)

    assert_shape(value, case.answer.value.shape, op.name)


@law(depends="gradient")
def test_dtype(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST keep the type of its operands, in its value and in every cotangent: float32 stays
    float32.
    """
    value, cotangents = impl.gradients(program_of(op, case), *case.operands, cotangent=case.cotangent)

    assert_dtype(value, case.dtype, op.name)
    for name, cotangent in zip(op.operands, cotangents, strict=True):
        assert_dtype(cotangent, case.dtype, f"cotangent of {name}")


@law(depends=("value", "cotangent_shapes"))
def test_gradient(impl: Implementation, op: Op, case: OpCase) -> None:
    """The pullback of `{op}` MUST be the transposed Jacobian of its definition, in every element and
    for an uneven cotangent.
    """
    _, cotangents = impl.gradients(program_of(op, case), *case.operands, cotangent=case.cotangent)

    expected = zip(op.operands, cotangents, case.answer.cotangents, case.answer.cotangent_scales, strict=True)
    for name, cotangent, right, scale in expected:
        assert_within(cotangent, right, rounding(op.vjp_ulp, scale, case.dtype), f"cotangent of {name}")


@law(depends=("value", "autodiff.graphs.an_input_that_is_the_result_receives_the_cotangent"))
def test_cotangent_shapes(impl: Implementation, op: Op, case: OpCase) -> None:
    """Each cotangent that `{op}` pulls back MUST have the shape of its operand: what was broadcast is
    summed.
    """
    _, cotangents = impl.gradients(program_of(op, case), *case.operands, cotangent=case.cotangent)

    for name, cotangent, operand in zip(op.operands, cotangents, case.operands, strict=True):
        assert_shape(cotangent, operand.shape, f"cotangent of {name}")


@law(depends="gradient")
def test_pullback_is_linear(impl: Implementation, op: Op, case: OpCase) -> None:
    """The pullback of `{op}` MUST be linear: 4 times the cotangent gives 4 times the result, to the
    last bit.
    """
    program = program_of(op, case)
    _, once = impl.gradients(program, *case.operands, cotangent=case.cotangent)
    _, scaled = impl.gradients(program, *case.operands, cotangent=4 * case.cotangent)

    for name, operand, one, four in zip(op.operands, case.operands, once, scaled, strict=True):
        first = assert_shape(one, operand.shape, f"cotangent of {name}")
        # Scaling by a power of two rounds nothing, so no tolerance is due.
        assert_equal(four, 4 * first, f"cotangent of {name} for 4 times the cotangent")


@law(depends="gradient")
def test_pullback_is_repeatable(impl: Implementation, op: Op, case: OpCase) -> None:
    """Asked twice with the same cotangent, the pullback of `{op}` MUST give the same bits twice."""
    pulled = impl.pull(program_of(op, case), *case.operands)
    first, second = pulled.pullback(case.cotangent), pulled.pullback(case.cotangent)

    for name, one, other in zip(op.operands, first, second, strict=True):
        assert_equal(other, one, f"second cotangent of {name}")


@law(depends="gradient")
def test_nothing_is_written(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST leave the arrays it was given as they were: operands, cotangent, indices and targets."""
    given = [*case.operands, case.cotangent, *(x for x in case.static.values() if isinstance(x, np.ndarray))]
    before = [array.copy() for array in given]

    impl.gradients(program_of(op, case), *case.operands, cotangent=case.cotangent)

    for number, (array, copy) in enumerate(zip(given, before, strict=True)):
        assert_equal(array, copy, f"array {number} that {op.name} was given")


@law(cases=of_demanding_numbers, depends=("gradient", "dtype"))
def test_every_digit_counts(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST be as accurate where its operands and cotangent use every digit that their type has, are
    large, or are 0 in places; and in one call as in the next.
    """
    for factor in (1, -2):
        pulled = impl.pull(program_of(op, case), *case.operands)
        assert_answer(op, case, pulled.value, pulled.pullback(np.asarray(factor * case.cotangent)), factor)


@law(cases=of_demanding_numbers, depends="every_digit_counts")
def test_layout_is_irrelevant(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST give the same answers for operands and cotangents that lie in memory in another order."""
    # Another order of summation may round differently, so the bounds are those of the value and the gradient.
    operands = [reordered(operand) for operand in case.operands]
    for factor in (1, -2):
        cotangent = reordered(np.asarray(factor * case.cotangent))
        value, cotangents = impl.gradients(program_of(op, case), *operands, cotangent=cotangent)
        assert_answer(op, case, value, cotangents, factor)


@law(cases=of_demanding_numbers, depends="every_digit_counts")
def test_any_thread(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST give the same answers in another thread."""
    for factor in (1, -2):
        ask = partial(impl.gradients, program_of(op, case), *case.operands)
        value, cotangents = in_another_thread(partial(ask, cotangent=np.asarray(factor * case.cotangent)))
        assert_answer(op, case, value, cotangents, factor)

    # Other numbers in the same shapes, there before here: what a thread remembers has not been put right.
    halves = [np.asarray(x / 2).astype(x.dtype) for x in case.operands]
    ask = partial(impl.gradients, program_of(op, case), *halves, cotangent=case.cotangent)
    value, cotangents = in_another_thread(ask)
    value_here, cotangents_here = ask()
    assert_equal(value, value_here, f"{op.name} in another thread")
    for name, there, here in zip(op.operands, cotangents, cotangents_here, strict=True):
        assert_equal(there, here, f"cotangent of {name} in another thread")


@law(cases=None, applies=lambda op: op.name in STACKINGS, depends="every_digit_counts")
def test_long_arrays(impl: Implementation, op: Op) -> None:
    """`{op}` MUST give each of a thousand copies of its operands, stacked, the answer of the one."""
    for dtype in impl.dtypes:
        for made in stacks(op.name, dtype):
            stack = made.indexed(impl.index_dtypes)
            pulled = impl.pull(program_of(op, stack), *stack.operands)
            for factor in (1, -2):
                cotangents = pulled.pullback(np.asarray(factor * stack.cotangent))
                assert_answer(op, stack, pulled.value, cotangents, factor)


@law(depends=("gradient", "autodiff.fan_out.a_value_used_twice_receives_the_sum"))
def test_fan_out(impl: Implementation, op: Op, case: OpCase) -> None:
    """Where the value of `{op}` is used twice, what it pulls back MUST be exactly twice as much."""
    program = program_of(op, case)

    def doubled(F: Any, *values: Any) -> Any:
        y = program(F, *values)
        return F.add(y, y)

    _, once = impl.gradients(program, *case.operands, cotangent=case.cotangent)
    _, twice = impl.gradients(doubled, *case.operands, cotangent=case.cotangent)

    for name, operand, one, two in zip(op.operands, case.operands, once, twice, strict=True):
        single = assert_shape(one, operand.shape, f"cotangent of {name}")
        assert_equal(two, 2 * single, f"cotangent of {name} where {op.name} is used twice")


@law(
    applies=lambda op: len(op.operands) > 1,
    depends=("gradient", "autodiff.constants.a_constant_operand_never_cuts_the_graph"),
)
def test_constants(impl: Implementation, op: Op, case: OpCase) -> None:
    """An operand of `{op}` that wants no gradient MUST not change what the others receive."""
    program = program_of(op, case)
    for k, (name, right, scale) in enumerate(
        zip(op.operands, case.answer.cotangents, case.answer.cotangent_scales, strict=True)
    ):

        def with_constants(F: Any, x: Any, k: int = k) -> Any:
            values = [impl.constant(operand) for operand in case.operands]
            values[k] = x
            return program(F, *values)

        _, (cotangent,) = impl.gradients(with_constants, case.operands[k], cotangent=case.cotangent)
        bound = rounding(op.vjp_ulp, scale, case.dtype)
        assert_within(cotangent, right, bound, f"cotangent of {name} alone")


@law(
    applies=lambda op: len(op.operands) > 1 and op.profile == "ops",
    depends=("gradient", "autodiff.fan_out.both_operands_of_one_op"),
)
def test_same_operand_twice(impl: Implementation, op: Op, case: OpCase) -> None:
    """Where one value is both operands of `{op}`, it MUST receive the sum of both cotangents."""
    # The second operand's domain keeps clear of poles, so it serves as both.
    y = case.operands[1]
    if op.name == "mm" and (y.ndim == 0 or (y.ndim > 1 and y.shape[-1] != y.shape[-2])):
        return
    cotangent = lattice(7, *op.define(y, y, **case.static).shape).astype(case.dtype)
    right = answer_of(op, (y, y), case.static, cotangent, exact=False)

    _, (bar,) = impl.gradients(lambda F, v: op.program(F, v, v), y, cotangent=cotangent)

    bound = rounding(2 * op.vjp_ulp + AGREEMENT, sum(right.cotangent_scales), case.dtype)
    assert_within(bar, sum(right.cotangents), bound, "cotangent of x")


@law(cases=of_whole_numbers, depends="gradient")
def test_whole_numbers_are_exact(impl: Implementation, op: Op, case: OpCase) -> None:
    """On whole numbers small enough to be exact, the value and the cotangents of `{op}` MUST be right
    to the last bit.
    """
    value, cotangents = impl.gradients(program_of(op, case), *case.operands, cotangent=case.cotangent)

    assert_equal(value, case.answer.value, op.name)
    for name, cotangent, right in zip(op.operands, cotangents, case.answer.cotangents, strict=True):
        assert_equal(cotangent, right, f"cotangent of {name}")


@law(depends=("gradient", "pullback_is_linear"))
def test_pullback_is_additive(impl: Implementation, op: Op, case: OpCase) -> None:
    """What `{op}` pulls back for two parts of a cotangent, each with zeros where the other has none, MUST add
    up to what it pulls back for the whole; for zeros alone it is 0.
    """
    program = program_of(op, case)
    parts = [impl.gradients(program, *case.operands, cotangent=part)[1] for part in halves(case.cotangent)]
    _, nothing = impl.gradients(program, *case.operands, cotangent=np.zeros_like(case.cotangent))

    for k, (name, operand) in enumerate(zip(op.operands, case.operands, strict=True)):
        one, other = (assert_shape(part[k], operand.shape, f"cotangent of {name}") for part in parts)
        bound = rounding(2 * op.vjp_ulp, case.answer.cotangent_scales[k], case.dtype)
        assert_within(one + other, case.answer.cotangents[k], bound, f"cotangents of {name} for both parts")
        assert_equal(nothing[k], np.zeros(operand.shape), f"cotangent of {name} for a cotangent of zeros")


@law(applies=lambda op: op.profile != "layers", depends=("gradient", "dtype"))
def test_calls_keep_apart(impl: Implementation, op: Op, case: OpCase) -> None:
    """A later call of `{op}` on other numbers of the same shapes MUST NOT change the value of an earlier
    one, or what that pulls back.
    """

    def program(F: Any, *values: Any) -> Any:
        y = op.program(F, *values, **case.static)
        op.program(F, *(impl.constant(np.flip(operand).copy()) for operand in case.operands), **case.static)
        return y

    value, cotangents = impl.gradients(program, *case.operands, cotangent=case.cotangent)

    assert_answer(op, case, value, cotangents)


@law(
    applies=lambda op: op.profile != "layers",
    depends=("gradient", "nothing_is_written", "ops.add.gradient", "ops.multiply.gradient"),
)
def test_neighbours_are_left_alone(impl: Implementation, op: Op, case: OpCase) -> None:
    """`{op}` MUST change neither its operands, for whoever uses them next, nor the cotangent that arrives at
    others beside it.
    """
    beside = np.zeros_like(case.cotangent)
    for k, (name, operand) in enumerate(zip(op.operands, case.operands, strict=True)):

        def operand_afterwards(F: Any, *values: Any, k: int = k) -> Any:
            op.program(F, *values, **case.static)
            return values[k]

        def result_afterwards(F: Any, *values: Any, k: int = k) -> Any:
            return operand_afterwards(F, *(F.multiply(value, 1.0) for value in values), k=k)

        assert_equal(impl.pull(operand_afterwards, *case.operands).value, operand, f"{name} after {op.name}")
        assert_equal(
            impl.pull(result_afterwards, *case.operands).value, operand, f"1 * {name} after {op.name}"
        )

    for what, program in (
        ("y + k", lambda F, k, *values: F.add(op.program(F, *values, **case.static), k)),
        ("k + y", lambda F, k, *values: F.add(k, op.program(F, *values, **case.static))),
    ):
        _, (bar, *_others) = impl.gradients(program, beside, *case.operands, cotangent=case.cotangent)
        assert_equal(bar, case.cotangent, f"cotangent of k in {what} with y = {op.name}")


@law(
    applies=lambda op: op.profile != "layers",
    depends=("gradient", "ops.transpose.gradient", "ops.sum.gradient"),
)
def test_views_are_operands(impl: Implementation, op: Op, case: OpCase) -> None:
    """Where an operand of `{op}` is a transpose, or its result goes into one or into a sum, it MUST pull back
    the same as elsewhere.
    """
    program = program_of(op, case)

    def of_transposes(F: Any, *values: Any) -> Any:
        return program(F, *(F.transpose(value) for value in values))

    def transposed(F: Any, *values: Any) -> Any:
        return F.transpose(program(F, *values))

    turned = [operand.T.copy() for operand in case.operands]
    _, of_turned = impl.gradients(of_transposes, *turned, cotangent=case.cotangent)
    _, of_turning = impl.gradients(transposed, *case.operands, cotangent=case.cotangent.T.copy())
    expected = zip(op.operands, case.answer.cotangents, case.answer.cotangent_scales, strict=True)
    for k, (name, right, scale) in enumerate(expected):
        bound = rounding(op.vjp_ulp, scale, case.dtype)
        assert_within(of_turned[k], right.T, bound.T, f"cotangent of {name}, which is transposed")
        assert_within(of_turning[k], right, bound, f"cotangent of {name} where {op.name} is transposed")

    if case.cotangent.ndim and len(case.cotangent):
        first = case.cotangent[0]
        same = np.broadcast_to(first, case.cotangent.shape).copy()
        _, plain = impl.gradients(program, *case.operands, cotangent=same)
        _, summed = impl.gradients(
            lambda F, *values: F.sum(program(F, *values), dim=0), *case.operands, cotangent=first
        )
        for k, (name, scale) in enumerate(zip(op.operands, case.answer.cotangent_scales, strict=True)):
            # No element of a cotangent is more than 8 times another one.
            bound = rounding(8 * op.vjp_ulp, scale, case.dtype)
            assert_within(summed[k], plain[k], bound, f"cotangent of {name} in the sum of {op.name}")


@law(cases=None, applies=lambda op: op.name in LARGER, depends="gradient")
def test_larger_arrays(impl: Implementation, op: Op) -> None:
    """`{op}` MUST be right, in its value and its cotangents, also for more axes and longer sides than its
    cases have.
    """
    for sides, static in LARGER[op.name]:
        exact = larger_operands(op, sides)
        w = lattice(99, *op.define(*exact, **static).shape)
        # Whole eighths, the same numbers in either type: so is the answer.
        right = answer_of(op, exact, static, w, exact=False)
        for dtype in impl.dtypes:
            value, cotangents = impl.gradients(
                lambda F, *values, s=static: op.program(F, *values, **s),
                *(x.astype(dtype) for x in exact),
                cotangent=w.astype(dtype),
            )

            place = f"{op.name} of shapes {sides}"
            bound = rounding(op.ulp + AGREEMENT, right.value_scale, dtype)
            assert_within(value, right.value, bound, place)
            for k, name in enumerate(op.operands):
                bound = rounding(op.vjp_ulp + AGREEMENT, right.cotangent_scales[k], dtype)
                assert_within(cotangents[k], right.cotangents[k], bound, f"cotangent of {name} in {place}")


@law(cases=None, applies=lambda op: bool(op.refusals), depends="value")
def test_refusals(impl: Implementation, op: Op) -> None:
    """`{op}` MUST refuse inputs outside its contract with a ValueError, IndexError, TypeError or
    RuntimeError.
    """
    for refusal in op.refusals:
        operands = [np.ones(shape, impl.dtypes[0]) for shape in refusal.shapes]
        with refused(ValueError, IndexError, TypeError, RuntimeError, what=f"{op.name} of {refusal.why}"):
            impl.evaluate(lambda F, *values, s=refusal.static: op.program(F, *values, **s), *operands)
