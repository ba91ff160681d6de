"""How many digits survive, from the smallest numbers to the largest, and on the worst inputs known.

The questions are frozen: the extremes of either type, what was drawn from all numbers, and the inputs on
which a search over millions found an implementation to be worst (`benchmarks/accuracy.py`). What every
formula in use keeps is a MUST, with the catalogue's budgets in eps; what a careful one keeps, in ulp of the
result wherever that is, is a SHOULD.
"""

from __future__ import annotations

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.precision import PULLBACK, VALUE, Question, assert_in_ulp, assert_over_the_range, questions


@clause(
    cases=questions("exp"),
    depends=("ops.exp.every_digit_counts", "numerics.exp_and_log.exp_is_accurate_until_it_overflows"),
)
def test_exp_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`exp` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "exp", question)


@clause(
    cases=questions("exp"),
    frozen_as="numerics.accuracy.exp_over_the_whole_range",
    depends="exp_over_the_whole_range",
)
def test_exp_value(impl: Implementation, question: Question) -> None:
    """The value of `exp` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "exp", question, VALUE)


@clause(
    cases=questions("exp"),
    frozen_as="numerics.accuracy.exp_over_the_whole_range",
    depends="exp_over_the_whole_range",
)
def test_exp_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `exp` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "exp", question, PULLBACK)


@clause(
    cases=questions("log"),
    depends=("ops.log.every_digit_counts", "numerics.exp_and_log.log_is_accurate_everywhere"),
)
def test_log_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`log` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "log", question)


@clause(
    cases=questions("log"),
    frozen_as="numerics.accuracy.log_over_the_whole_range",
    depends="log_over_the_whole_range",
)
def test_log_value(impl: Implementation, question: Question) -> None:
    """The value of `log` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "log", question, VALUE)


@clause(
    cases=questions("log"),
    frozen_as="numerics.accuracy.log_over_the_whole_range",
    depends="log_over_the_whole_range",
)
def test_log_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `log` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "log", question, PULLBACK)


@clause(
    cases=questions("tanh"),
    depends=("ops.tanh.every_digit_counts", "numerics.tanh.it_is_accurate_everywhere"),
)
def test_tanh_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`tanh` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "tanh", question)


@clause(
    cases=questions("tanh"),
    frozen_as="numerics.accuracy.tanh_over_the_whole_range",
    depends="tanh_over_the_whole_range",
)
def test_tanh_value(impl: Implementation, question: Question) -> None:
    """The value of `tanh` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "tanh", question, VALUE)


@clause(
    cases=questions("tanh"),
    frozen_as="numerics.accuracy.tanh_over_the_whole_range",
    depends="tanh_over_the_whole_range",
)
def test_tanh_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `tanh` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "tanh", question, PULLBACK)


@clause(
    cases=questions("sigmoid"),
    depends=("ops.sigmoid.every_digit_counts", "numerics.sigmoid.it_is_accurate_everywhere"),
)
def test_sigmoid_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`sigmoid` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "sigmoid", question)


@clause(
    cases=questions("sigmoid"),
    frozen_as="numerics.accuracy.sigmoid_over_the_whole_range",
    depends="sigmoid_over_the_whole_range",
)
def test_sigmoid_value(impl: Implementation, question: Question) -> None:
    """The value of `sigmoid` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "sigmoid", question, VALUE)


@clause(
    cases=questions("sigmoid"),
    frozen_as="numerics.accuracy.sigmoid_over_the_whole_range",
    depends="sigmoid_over_the_whole_range",
)
def test_sigmoid_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `sigmoid` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "sigmoid", question, PULLBACK)


@clause(
    cases=questions("softmax"),
    depends=("ops.softmax.every_digit_counts", "numerics.softmax.softmax_of_far_logits_is_accurate"),
)
def test_softmax_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`softmax` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "softmax", question)


@clause(
    cases=questions("softmax"),
    frozen_as="numerics.accuracy.softmax_over_the_whole_range",
    depends="softmax_over_the_whole_range",
)
def test_softmax_value(impl: Implementation, question: Question) -> None:
    """The value of `softmax` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "softmax", question, VALUE)


@clause(
    cases=questions("softmax"),
    frozen_as="numerics.accuracy.softmax_over_the_whole_range",
    depends="softmax_over_the_whole_range",
)
def test_softmax_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `softmax` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "softmax", question, PULLBACK)


@clause(
    cases=questions("log_softmax"),
    depends=("ops.log_softmax.every_digit_counts", "numerics.softmax.log_softmax_of_far_logits_is_accurate"),
)
def test_log_softmax_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """`log_softmax` and its pullback MUST stay within their budgets over the whole range, on the worst inputs
    known, too.
    """
    assert_over_the_range(impl, "log_softmax", question)


@clause(
    cases=questions("log_softmax"),
    frozen_as="numerics.accuracy.log_softmax_over_the_whole_range",
    depends="log_softmax_over_the_whole_range",
)
def test_log_softmax_value(impl: Implementation, question: Question) -> None:
    """The value of `log_softmax` SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "log_softmax", question, VALUE)


@clause(
    cases=questions("log_softmax"),
    frozen_as="numerics.accuracy.log_softmax_over_the_whole_range",
    depends="log_softmax_over_the_whole_range",
)
def test_log_softmax_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of `log_softmax` SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "log_softmax", question, PULLBACK)


@clause(
    cases=questions("cross_entropy"),
    depends=("ops.cross_entropy.every_digit_counts", "numerics.cross_entropy.far_logits_are_accurate"),
)
def test_cross_entropy_over_the_whole_range(impl: Implementation, question: Question) -> None:
    """The cross-entropy and its pullback MUST stay within their budgets over the whole range, on the worst
    inputs known, too.
    """
    assert_over_the_range(impl, "cross_entropy", question)


@clause(
    cases=questions("cross_entropy"),
    frozen_as="numerics.accuracy.cross_entropy_over_the_whole_range",
    depends="cross_entropy_over_the_whole_range",
)
def test_cross_entropy_value(impl: Implementation, question: Question) -> None:
    """The value of the cross-entropy SHOULD be within its budget in ulp, also where it fades, saturates
    or is subnormal.
    """
    assert_in_ulp(impl, "cross_entropy", question, VALUE)


@clause(
    cases=questions("cross_entropy"),
    frozen_as="numerics.accuracy.cross_entropy_over_the_whole_range",
    depends="cross_entropy_over_the_whole_range",
)
def test_cross_entropy_pullback(impl: Implementation, question: Question) -> None:
    """The pullback of the cross-entropy SHOULD be within its budget in ulp, also where it fades, or is
    subnormal.
    """
    assert_in_ulp(impl, "cross_entropy", question, PULLBACK)
