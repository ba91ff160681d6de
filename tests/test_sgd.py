"""SGD: our refusals, and that a step is all or nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from deeplearning_framework import SGD, ArgumentError, GradientError, Tensor


def parameter(*values: float, grad: float | None = 1.0) -> Tensor:
    p = Tensor(np.array(values), autograd=True)
    p.grad = None if grad is None else np.full(len(values), grad)
    return p


def test_a_read_only_parameter_stops_the_step_before_it_begins() -> None:
    a, b = parameter(1.0), parameter(1.0)
    b.data.flags.writeable = False
    optimizer = SGD([a, b], momentum=0.9)
    with pytest.raises(ArgumentError, match=r"parameter 1 of shape \(1,\) is read-only"):
        optimizer.step()
    assert a.data.tolist() == [1]

    b.data.flags.writeable = True
    optimizer.step()
    fresh = parameter(1.0)
    SGD([fresh], momentum=0.9).step()
    assert a.data.tolist() == b.data.tolist() == fresh.data.tolist()


def test_a_warning_made_an_error_leaves_every_parameter_as_it_was() -> None:
    a, b = parameter(1.0), parameter(1.0, grad=1e308)
    optimizer = SGD([a, b], alpha=1e10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            optimizer.step()
    assert (a.data.tolist(), b.data.tolist()) == ([1], [1])
    assert a.grad is not None
    assert a.grad.data.tolist() == [1]


@pytest.mark.parametrize("alpha", [-0.1, np.nan, np.inf, "0.1", None, True, 1j])
def test_alpha_is_checked_at_every_step(alpha: object) -> None:
    p = parameter(1.0)
    optimizer = SGD([p])
    optimizer.alpha = alpha  # type: ignore[assignment]
    with pytest.raises(ArgumentError, match="alpha"):
        optimizer.step()
    assert p.data.tolist() == [1]


def test_numbers_of_numpy_do_not_widen_a_parameter() -> None:
    p = Tensor(np.ones(2, np.float32), autograd=True)
    p.grad = [1, 1]
    array = p.data
    SGD([p], alpha=np.float64(0.5), momentum=np.float64(0.5), weight_decay=np.float64(0.5)).step()
    assert p.data is array
    assert p.dtype == np.float32
    assert p.data.tolist() == [0.25, 0.25]


def test_a_scalar_parameter_steps_like_any_other() -> None:
    p = Tensor(1.0, autograd=True)
    p.grad = 2.0
    array = p.data
    SGD([p], alpha=0.25, momentum=0.5, nesterov=True).step()
    assert p.data is array
    assert p.item() == 0.25


def test_a_generator_of_parameters_is_read_once() -> None:
    a, b = parameter(1.0), parameter(1.0)
    optimizer = SGD(p for p in (a, b, a))
    assert optimizer.parameters == [a, b]
    optimizer.step()
    optimizer.step(zero=False)
    assert (a.data.tolist(), b.data.tolist()) == ([0.9], [0.9])


def test_zero_after_zero_still_gives_zeros() -> None:
    a, b = parameter(1.0, 2.0), parameter(1.0, grad=None)
    optimizer = SGD([a, b])
    optimizer.zero()
    optimizer.zero()
    assert b.grad is None
    assert a.grad is not None
    assert a.grad.data.tolist() == [0, 0]
    assert a.grad is a.grad
    a.grad.data[0] = 3
    assert a.grad.data.tolist() == [3, 0]


def test_backward_adds_to_zeros_nobody_looked_at() -> None:
    a = parameter(1.0, 2.0)
    SGD([a]).zero()
    (a * 3).sum().backward()
    (a * 2).sum().backward()
    assert a.grad is not None
    assert a.grad.data.tolist() == [5, 5]


def test_no_gradient_anywhere_is_an_error_but_zeros_are_not() -> None:
    a = parameter(1.0, grad=None)
    with pytest.raises(GradientError):
        SGD([a]).step()
    a = parameter(1.0)
    optimizer = SGD([a], momentum=0.5)
    optimizer.step()
    optimizer.step()
    assert a.data.tolist() == [1 - 0.1 - 0.1 * 0.5]


def test_repr_shows_the_settings() -> None:
    text = "SGD(1 parameters, alpha=0.2, momentum=0.9, weight_decay=0.0, nesterov=True)"
    assert repr(SGD([parameter(1.0)], alpha=0.2, momentum=0.9, nesterov=True)) == text
