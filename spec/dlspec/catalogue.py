"""The catalogue: every op and layer of the framework, as data.

A row says what the op *is*: its name, its shape contract in NumPy's gufunc notation, its definition in the
textbook's form, the inputs on which it is examined, and how accurate it has to be. Adding a row
subjects the op to every law in `clauses/ops/test_laws.py`. Nothing here states a derivative: the oracle
differentiates the definition, so that no mistake can be made twice.

Accuracy is a budget in units of eps (see `dlspec.tolerance`):

    ulp        of the value, relative to its magnitude; where `conditioned`, relative to the magnitude
               plus what a relative change of eps in each input would do to it
    vjp_ulp    of a cotangent, relative to the sum of the magnitudes of its terms, plus `slack`
    slack      what well-known and legitimate formulas of the derivative lose to cancellation

Where the budgets come from. One rounding is half an eps, relative to what is rounded; u = eps / 2.

    0     nothing is rounded: numbers are copied, chosen, negated, added once (the value of `add`)
    1     one operation that IEEE 754 rounds correctly: half of it is used
    4     one elementary function; NumPy's are at worst 1.2 eps off in float64, and 3.5 in float32
          (`docs/accuracy.md`)
    6     such a function, and the two roundings of `1 / (1 + exp(-x))`
    8     a sum of n terms is off by at most gamma = n u / (1 - n u) of the sum of their magnitudes (Higham,
          "Accuracy and Stability of Numerical Algorithms", 4.2), in any order; frozen cases have at most
          a dozen terms, so 8 eps is 16 u for 12 u. Likewise a product of matrices, and a cotangent that is
          a function's derivative (4 or so) times what arrives, with its own two or three roundings
    16    what composes such parts: a power (an exponential of a product of a logarithm), and a cell

`offset` and `slack` are magnitudes, not budgets: the 1 in `log(1 + ...)`, of which eps is lost however small
the logarithm, and the terms whose difference a formula takes. How much of each budget the reference uses at
most, on millions of numbers, is in `benchmarks/history/bounds.json`: from 1 to 50 percent. A bound of which
less is used would hide a fault, and needs a reason (`benchmarks/bounds.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from dlspec import textbook
from dlspec.strategies import Domain, arrays_of, indices_into, operands_of, reals, shapes, whole
from dlspec.textbook import cosh, exp, log, real, sinh

Array = NDArray[Any]
Operands = tuple[Array, ...]
Static = dict[str, Any]
Inputs = st.SearchStrategy[tuple[Operands, Static]]


@dataclass(frozen=True)
class Refusal:
    """Inputs outside an op's contract: it has to say no."""

    why: str
    shapes: tuple[tuple[int, ...], ...]
    static: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Precision:
    """How many ulp of the exact result (see `dlspec.precision`) a careful implementation may be off.

    These hold over the whole range, tails, zeros and subnormal numbers included, in either type. An
    elementary function is granted 4 ulp: NumPy's are within 2.5 (exp), 3.5 (log) and 1.4 (tanh) in float32,
    where they are at their worst, and PyTorch's within 0.9. Every other operation rounds by 1/2 ulp, of a
    number that may be next to a power of two, where the same error is twice as many ulp. The worst that was
    found for the reference is in `docs/accuracy.md`, from a quarter to nine tenths of the budget.

    Attributes:
        value: Of the value.
        pullback: Of the cotangent.
        of_terms: Whether the cotangent's ulp are those of the sum of its terms' magnitudes, which cancel.
    """

    value: float
    pullback: float
    of_terms: bool = False


@dataclass(frozen=True)
class Op:
    """One row.

    Attributes:
        name: The op's name in programs (`F.tanh`) and in ids (`ops.tanh.value`).
        signature: The shape contract. Axes in brackets are the op's own; any others broadcast.
        definition: The value, as a textbook has it, on any kind of number.
        inputs: What it is examined on: operands and static arguments.
        operands: What the operands are called in messages.
        ulp: The budget of the value.
        conditioned: Whether the value's budget allows for the condition of the inputs.
        offset: Magnitude that passes through every well-known formula and cancels again, such as the 1 in
            `log(1 + ...)`.
        vjp_ulp: The budget of a cotangent.
        slack: Magnitude that may be lost besides: of the operands, the value and the cotangent.
        wide: Whether its operands may as well be 16 times as large as its inputs have them.
        zeros: The operands of which an element may be 0.
        integral: Inputs on which every order of operations gives the same bits.
        refusals: Inputs that must be refused.
        profile: The profile that the row's laws belong to.
        output: Which result is examined, for an op that returns several.
        precision: The budgets in ulp over the whole range, for the functions that are most easily lost there.
        made_of: The rows that a composed one is made of; where they are wrong, it can't be right.
    """

    name: str
    signature: str
    definition: Callable[..., Any]
    inputs: Inputs
    operands: tuple[str, ...] = ("x",)
    ulp: float = 0
    conditioned: bool = False
    offset: float = 0
    vjp_ulp: float = 8
    slack: Callable[..., Array | float] | None = None
    wide: bool = True
    zeros: tuple[int, ...] = (0,)
    integral: Inputs | None = None
    refusals: tuple[Refusal, ...] = ()
    profile: str = "ops"
    output: int | None = None
    precision: Precision | None = None
    made_of: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id under which the op's cases are frozen, and the stem of its laws' ids."""
        return f"{self.profile}.{self.name}"

    @property
    def demanding(self) -> Inputs:
        """The row's inputs with every digit of them in use, of other magnitudes, and with zeros."""
        return _refined(self.inputs, self.wide, self.zeros)

    def program(self, F: Any, *values: Any, **static: Any) -> Any:
        """The op as a program: one call, and the examined result of it."""
        result = getattr(F, self.name)(*values, **static)
        return result if self.output is None else result[self.output]

    def define(self, *operands: Array, **static: Any) -> Array:
        """The examined result of the definition."""
        result = self.definition(*operands, **static)
        return np.asarray(result if self.output is None else result[self.output])


# What ops are examined on.


@st.composite
def _refined(draw: st.DrawFn, inputs: Inputs, wide: bool, zeros: tuple[int, ...]) -> tuple[Operands, Static]:
    operands, static = draw(inputs)
    factor = draw(st.sampled_from([1, 16])) if wide else 1
    # Half of the cases are exact in float32, and so serve both types.
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    refined = []
    for k, x in enumerate(operands):
        fine = (
            np.asarray(x * factor * (1 + rng.uniform(-1, 1, x.shape) / 256)).astype(dtype).astype(np.float64)
        )
        if k not in zeros:
            fine[fine == 0] = 1 / 256
        elif x.size > 1 and rng.random() < 1 / 3:
            fine.reshape(-1)[rng.integers(x.size)] = 0
        refined.append(fine)
    return tuple(refined), static


def elementwise(signature: str, *domains: Domain) -> Inputs:
    """Operands of any shapes that fit the signature."""
    return operands_of(signature, *domains).map(lambda operands: (operands, {}))


@st.composite
def _powers(draw: st.DrawFn, positive: Domain, signed: Domain) -> tuple[Operands, Static]:
    exponent: int | float = draw(st.sampled_from([2, 3, 0, 1, -1, -2, 0.5, 1.5, 2.0, -0.5]))
    return (draw(arrays_of(signed if float(exponent).is_integer() else positive)),), {"exponent": exponent}


@st.composite
def _whole_powers(draw: st.DrawFn) -> tuple[Operands, Static]:
    return (draw(arrays_of(whole(-8, 8))),), {"exponent": draw(st.sampled_from([0, 1, 2, 3]))}


@st.composite
def _reduced(draw: st.DrawFn, domain: Domain, min_side: int = 0) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain, shapes(min_side=min_side)))
    static: Static = {}
    if x.ndim:
        dim = draw(
            st.one_of(
                st.none(),
                st.integers(-x.ndim, x.ndim - 1),
                npst.valid_tuple_axes(x.ndim, min_size=1),
            )
        )
        static = {} if dim is None else {"dim": dim}
    if draw(st.booleans()):
        static["keepdims"] = True
    return (x,), static


@st.composite
def _multiplied(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    # The question marks are gufunc notation for np.matmul's rule that a vector loses its axis again.
    drawn = draw(
        npst.mutually_broadcastable_shapes(
            signature="(n?,k),(k,m?)->(n?,m?)", max_dims=1, max_side=4, min_side=0
        )
    )
    return tuple(draw(arrays_of(domain, shape)) for shape in drawn.input_shapes), {}


@st.composite
def _transposed(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain))
    axes = draw(st.permutations(range(x.ndim)))
    signed = tuple(axis - x.ndim if draw(st.booleans()) else axis for axis in axes)
    return (x,), draw(st.sampled_from([{}, {"axes": signed}])) if x.ndim else {}


@st.composite
def _reshaped(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain))
    fitting: list[tuple[int, ...]] = [(x.size,), (1, x.size), tuple(reversed(x.shape))]
    if x.size:
        fitting += [(-1,), (x.size, -1), (-1, *x.shape)]
    if x.size % 2 == 0 and x.size:
        fitting += [(2, x.size // 2), (-1, 2)]
    return (x,), {"shape": draw(st.sampled_from(fitting))}


@st.composite
def _expanded(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain))
    return (x,), {"dim": draw(st.integers(-x.ndim - 1, x.ndim)), "copies": draw(st.integers(0, 4))}


@st.composite
def _selected(
    draw: st.DrawFn, domain: Domain, min_dims: int = 1, max_dims: int = 3, min_side: int = 0
) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain, shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side)))
    return (x,), {"indices": draw(indices_into(x.shape[0], shapes(max_dims=2)))}


@st.composite
def _rows(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    x = draw(arrays_of(domain, shapes(min_dims=1, min_side=1)))
    return (x,), draw(st.sampled_from([{}, {"dim": -1}])) | (
        {"dim": draw(st.integers(-x.ndim, x.ndim - 1))} if draw(st.booleans()) else {}
    )


REDUCTIONS = st.sampled_from([{}, {"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"}])


@st.composite
def _classified(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    logits = draw(arrays_of(domain, shapes(min_dims=1, min_side=1)))
    targets = draw(indices_into(logits.shape[-1], logits.shape[:-1]))
    return (logits,), {"targets": targets, **draw(REDUCTIONS)}


@st.composite
def _compared(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    shape = draw(shapes(min_side=1))
    return (draw(arrays_of(domain, shape)), draw(arrays_of(domain, shape))), draw(REDUCTIONS)


@st.composite
def _affine(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    batch = draw(shapes(max_dims=2))
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return tuple(draw(arrays_of(domain, shape)) for shape in ((*batch, n), (n, m), (m,))), {}


@st.composite
def _recurrent(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    batch, n, hidden, m = (draw(st.integers(1, 3)) for _ in range(4))
    sides = (
        (batch, n),
        (batch, hidden),
        (n, hidden),
        (hidden,),
        (hidden, hidden),
        (hidden,),
        (hidden, m),
        (m,),
    )
    static = draw(st.sampled_from([{}, {"activation": "sigmoid"}, {"activation": "tanh"}]))
    return tuple(draw(arrays_of(domain, shape)) for shape in sides), static


@st.composite
def _gated(draw: st.DrawFn, domain: Domain) -> tuple[Operands, Static]:
    batch, n, hidden, m = (draw(st.integers(1, 2)) for _ in range(4))
    sides: list[tuple[int, ...]] = [(batch, n), (batch, hidden), (batch, hidden)]
    sides += [(n, hidden), (hidden,)] * 4 + [(hidden, hidden)] * 4 + [(hidden, m)]
    return tuple(draw(arrays_of(domain, shape)) for shape in sides), {}


# The definitions that don't fit on a line.


def _count(x: Array, dim: int | tuple[int, ...] | None) -> int:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return int(np.prod([x.shape[d] for d in dims], dtype=int))


def mean(x: Array, dim: Any = None, keepdims: bool = False) -> Array:
    """The sum over `dim`, divided by how many were summed; of none at all, NaN."""
    total, count = np.sum(x, axis=dim, keepdims=keepdims), _count(x, dim)
    return np.asarray(total / count) if count else np.asarray(total * np.nan)


def maximum(x: Array, dim: Any = None, keepdims: bool = False) -> Array:
    """The mean of those that are largest, so that ties share the derivative equally."""
    largest = real(x) == np.max(real(x), axis=dim, keepdims=True)
    return np.asarray(
        np.sum(x * largest, axis=dim, keepdims=keepdims) / np.sum(largest, axis=dim, keepdims=keepdims)
    )


def softmax(x: Array, dim: int = -1) -> Array:
    """Exponentials, divided by their sum along `dim`."""
    weights = exp(x)
    return np.asarray(weights / np.sum(weights, axis=dim, keepdims=True))


def reduce(losses: Array, reduction: str) -> Array:
    """The mean, the sum, or each loss by itself."""
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else np.asarray(np.sum(losses))


def cross_entropy(logits: Array, targets: Array, reduction: str = "mean") -> Array:
    """Minus the logarithm of the probability of the target, in nats; classes are the last axis."""
    chosen = np.expand_dims(np.asarray(targets).astype(np.intp), -1)
    return reduce(np.take_along_axis(-log(softmax(logits)), chosen, -1)[..., 0], reduction)


def mse(prediction: Array, target: Array, reduction: str = "mean") -> Array:
    """The squared difference."""
    return reduce(np.asarray((prediction - target) * (prediction - target)), reduction)


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    return np.asarray(1 / (1 + exp(-x)))


def tanh(x: Array) -> Array:
    """`sinh(x) / cosh(x)`."""
    return np.asarray(sinh(x) / cosh(x))


def rnn_cell(
    x: Array,
    h: Array,
    w_ih: Array,
    b_ih: Array,
    w_hh: Array,
    b_hh: Array,
    w_ho: Array,
    b_ho: Array,
    activation: str = "sigmoid",
) -> tuple[Array, Array]:
    """`h' = act(x W_ih + b_ih + h W_hh + b_hh)`, `y = h' W_ho + b_ho`; returns `(y, h')`."""
    act = {"sigmoid": sigmoid, "tanh": tanh}[activation]
    new = act(np.matmul(x, w_ih) + b_ih + np.matmul(h, w_hh) + b_hh)
    return np.matmul(new, w_ho) + b_ho, new


def lstm_cell(
    x: Array,
    h: Array,
    c: Array,
    w_xf: Array,
    b_xf: Array,
    w_xi: Array,
    b_xi: Array,
    w_xo: Array,
    b_xo: Array,
    w_xc: Array,
    b_xc: Array,
    w_hf: Array,
    w_hi: Array,
    w_ho: Array,
    w_hc: Array,
    w_out: Array,
) -> tuple[Array, Array, Array]:
    """Gates `f, i, o` and candidate `g`; `c' = f c + i g`, `h' = o tanh c'`, `y = h' W_ho`; returns
    `(y, h', c')`.
    """
    f = sigmoid(np.matmul(x, w_xf) + b_xf + np.matmul(h, w_hf))
    i = sigmoid(np.matmul(x, w_xi) + b_xi + np.matmul(h, w_hi))
    o = sigmoid(np.matmul(x, w_xo) + b_xo + np.matmul(h, w_ho))
    g = tanh(np.matmul(x, w_xc) + b_xc + np.matmul(h, w_hc))
    new_c = f * c + i * g
    new_h = o * tanh(new_c)
    return np.matmul(new_h, w_out), new_h, new_c


# What well-known formulas of a derivative lose to cancellation.


def _spread(x: Array, dim: int) -> Array:
    # A probability is the exponential of a difference of logits: what rounding does to the difference, at
    # most half a unit of it, it does to the probability's digits. In eighths, for the budget is 8.
    return np.asarray(1 + np.ptp(x, axis=dim, keepdims=True) / 8)


def _of_softmax(w: Array, x: Array, dim: int = -1) -> Array:
    # p (w - sum(w p)): both terms of the difference may be larger than what is left of it.
    p = softmax(x, dim)
    return np.asarray(p * (np.abs(w) + np.sum(np.abs(w) * p, axis=dim, keepdims=True)) * _spread(x, dim))


def _of_log_softmax(w: Array, x: Array, dim: int = -1) -> Array:
    # w - p sum(w)
    total = np.sum(np.abs(w), axis=dim, keepdims=True)
    return np.asarray(np.abs(w) + softmax(x, dim) * total * _spread(x, dim))


def _of_cross_entropy(w: Array, logits: Array, targets: Array, reduction: str = "mean") -> Array:
    # (p - 1) w at the target, p w elsewhere; the exponent of p carries the spread of its row.
    weight = np.abs(w) / (max(targets.size, 1) if reduction == "mean" else 1)
    weight = np.expand_dims(weight, -1) if reduction == "none" else weight
    spread = 1 + np.ptp(logits, axis=-1, keepdims=True)
    onehot = np.arange(logits.shape[-1]) == np.expand_dims(np.asarray(targets).astype(np.int64), -1)
    return np.asarray(weight * (softmax(logits) * spread + onehot))


def _largest_term(w: Array, *operands: Array, **static: Any) -> float:
    # A cell composes dots and gates: an error anywhere reaches every parameter, in units of the cotangent.
    return float(np.sum(np.abs(w)))


CATALOGUE: tuple[Op, ...] = (
    Op(
        "add",
        "(),()->()",
        lambda x, y: x + y,
        elementwise("(),()->()", reals(-4, 4), reals(-4, 4)),
        operands=("x", "y"),
        ulp=0.5,
        integral=elementwise("(),()->()", whole(-8, 8), whole(-8, 8)),
        refusals=(
            Refusal("shapes that don't broadcast", ((2, 3), (2,))),
            Refusal("other sizes", ((3,), (4,))),
        ),
    ),
    Op(
        "subtract",
        "(),()->()",
        lambda x, y: x - y,
        elementwise("(),()->()", reals(-4, 4), reals(-4, 4)),
        operands=("x", "y"),
        ulp=0.5,
        integral=elementwise("(),()->()", whole(-8, 8), whole(-8, 8)),
        refusals=(Refusal("shapes that don't broadcast", ((2, 3), (2,))),),
    ),
    Op(
        "multiply",
        "(),()->()",
        lambda x, y: x * y,
        elementwise("(),()->()", reals(-4, 4), reals(-4, 4)),
        operands=("x", "y"),
        ulp=0.5,
        integral=elementwise("(),()->()", whole(-8, 8), whole(-8, 8)),
        refusals=(Refusal("shapes that don't broadcast", ((2, 3), (3, 2))),),
    ),
    Op(
        "divide",
        "(),()->()",
        lambda x, y: x / y,
        elementwise("(),()->()", reals(-4, 4), reals(-4, 4, away=0.25)),
        operands=("x", "y"),
        ulp=1,
        refusals=(Refusal("shapes that don't broadcast", ((4, 1, 2), (3, 3))),),
    ),
    Op(
        "negative",
        "()->()",
        lambda x: -x,
        elementwise("()->()", reals(-4, 4)),
        vjp_ulp=0,
        integral=elementwise("()->()", whole(-8, 8)),
    ),
    Op(
        "power",
        "()->()",
        lambda x, exponent: textbook.power(x, exponent),
        _powers(reals(0.25, 4), reals(-4, 4, away=0.25)),
        ulp=8,
        conditioned=True,
        vjp_ulp=16,
        integral=_whole_powers(),
        zeros=(),
    ),
    Op(
        "exp",
        "()->()",
        exp,
        elementwise("()->()", reals(-4, 4)),
        ulp=4,
        precision=Precision(4, 8),  # w y
    ),
    Op(
        "log",
        "()->()",
        log,
        elementwise("()->()", reals(1 / 16, 16)),
        ulp=4,
        zeros=(),
        precision=Precision(4, 2),  # w / x, or w times a reciprocal
    ),
    Op(
        "relu",
        "()->()",
        lambda x: x * (real(x) > 0),
        elementwise("()->()", reals(-4, 4)),
        vjp_ulp=0,
        integral=elementwise("()->()", whole(-8, 8)),
        zeros=(),
    ),
    Op(
        "tanh",
        "()->()",
        tanh,
        elementwise("()->()", reals(-3, 3)),
        ulp=4,
        # 1 - y*y cancels as y nears 1.
        slack=lambda w, x: np.abs(w) * np.tanh(x) ** 2,
        precision=Precision(4, 8),  # an exponential, its sum with 1, a square, a quotient, a product
    ),
    Op(
        "sigmoid",
        "()->()",
        sigmoid,
        elementwise("()->()", reals(-4, 4)),
        ulp=6,
        # y * (1 - y) cancels as y nears 1.
        slack=lambda w, x: np.abs(w) * sigmoid(x),
        precision=Precision(6, 8),  # as tanh
        wide=False,
        made_of=("ops.exp",),
    ),
    Op(
        "sum",
        "(...)->(...)",
        lambda x, dim=None, keepdims=False: np.sum(x, axis=dim, keepdims=keepdims),
        _reduced(reals(-4, 4)),
        ulp=8,
        conditioned=True,
        vjp_ulp=0,
        integral=_reduced(whole(-8, 8)),
        refusals=(
            Refusal("a dim that isn't there", ((2, 3),), {"dim": 2}),
            Refusal("a negative dim that isn't there", ((2, 3),), {"dim": -3}),
            Refusal("the same dim twice", ((2, 3),), {"dim": (0, -2)}),
        ),
    ),
    Op(
        "mean",
        "(...)->(...)",
        mean,
        _reduced(reals(-4, 4), min_side=1),
        ulp=8,
        conditioned=True,
        refusals=(Refusal("a dim that isn't there", ((2, 3),), {"dim": 2}),),
        made_of=("ops.sum",),
    ),
    Op(
        "max",
        "(...)->(...)",
        maximum,
        _reduced(reals(-4, 4), min_side=1),
        refusals=(
            Refusal("a dim that isn't there", ((2, 3),), {"dim": -3}),
            Refusal("nothing to choose from", ((0, 3),), {"dim": 0}),
            Refusal("no element at all", ((0,),)),
        ),
        zeros=(),
    ),
    Op(
        "mm",
        "(n?,k),(k,m?)->(n?,m?)",
        np.matmul,
        _multiplied(reals(-2, 2)),
        operands=("x", "w"),
        ulp=8,
        conditioned=True,
        integral=_multiplied(whole(-8, 8)),
        refusals=(
            Refusal("inner sizes that differ", ((4, 3), (5, 2))),
            Refusal("a vector of another size", ((3,), (4,))),
            Refusal("a scalar", ((), (2, 2))),
            Refusal("batches that don't broadcast", ((2, 3, 4), (3, 4, 2))),
        ),
    ),
    Op(
        "transpose",
        "(...)->(...)",
        lambda x, axes=None: np.transpose(x, axes),
        _transposed(reals(-4, 4)),
        vjp_ulp=0,
        integral=_transposed(whole(-8, 8)),
        refusals=(
            Refusal("too few axes", ((2, 3, 4),), {"axes": (0, 1)}),
            Refusal("the same axis twice", ((2, 3),), {"axes": (0, 0)}),
            Refusal("an axis that isn't there", ((2, 3),), {"axes": (0, 2)}),
        ),
    ),
    Op(
        "reshape",
        "(...)->(...)",
        lambda x, shape: np.reshape(x, shape),
        _reshaped(reals(-4, 4)),
        vjp_ulp=0,
        integral=_reshaped(whole(-8, 8)),
        refusals=(
            Refusal("another number of elements", ((2, 3),), {"shape": (4, 2)}),
            Refusal("two unknown sides", ((2, 3),), {"shape": (-1, -1)}),
            Refusal("an unknown side that doesn't come out even", ((2, 3),), {"shape": (4, -1)}),
        ),
    ),
    Op(
        "expand",
        "(...)->(...)",
        lambda x, dim, copies: np.repeat(np.expand_dims(x, dim), copies, axis=dim),
        _expanded(reals(-4, 4)),
        integral=_expanded(whole(-8, 8)),
        refusals=(
            Refusal("a dim beyond the result's", ((2, 3),), {"dim": 3, "copies": 2}),
            Refusal("a negative dim beyond the result's", ((2, 3),), {"dim": -4, "copies": 2}),
            Refusal("fewer than no copies", ((2, 3),), {"dim": 0, "copies": -1}),
        ),
    ),
    Op(
        "index_select",
        "(n,...)->(...)",
        lambda x, indices: x[np.asarray(indices).astype(np.intp)],
        _selected(reals(-4, 4)),
        integral=_selected(whole(-8, 8)),
        refusals=(
            Refusal("an index past the end", ((3, 2),), {"indices": np.array([0, 3])}),
            Refusal("a negative index", ((3, 2),), {"indices": np.array([0, -1])}),
        ),
    ),
    Op(
        "softmax",
        "(k)->(k)",
        softmax,
        _rows(reals(-4, 4)),
        ulp=8,
        conditioned=True,
        slack=_of_softmax,
        precision=Precision(8, 8, of_terms=True),
        refusals=(Refusal("a dim that isn't there", ((2, 3),), {"dim": 2}),),
        made_of=("ops.exp",),
    ),
    Op(
        "log_softmax",
        "(k)->(k)",
        lambda x, dim=-1: log(softmax(x, dim)),
        _rows(reals(-4, 4)),
        ulp=8,
        conditioned=True,
        offset=1,
        slack=_of_log_softmax,
        precision=Precision(4, 8, of_terms=True),
        refusals=(Refusal("a dim that isn't there", ((2, 3),), {"dim": -3}),),
        made_of=("ops.softmax",),
    ),
    Op(
        "cross_entropy",
        "(k),()->()",
        cross_entropy,
        _classified(reals(-4, 4)),
        operands=("logits",),
        ulp=8,
        conditioned=True,
        offset=1,
        slack=_of_cross_entropy,
        precision=Precision(4, 8),
        refusals=(
            Refusal("more targets than rows", ((2, 6),), {"targets": np.array([0, 1, 2])}),
            Refusal("a target past the last class", ((2, 3),), {"targets": np.array([0, 3])}),
            Refusal("a negative target", ((2, 3),), {"targets": np.array([0, -1])}),
        ),
        made_of=("ops.log_softmax",),
    ),
    Op(
        "linear",
        "(n),(n,m),(m)->(m)",
        lambda x, w, b: np.matmul(x, w) + b,
        _affine(reals(-2, 2)),
        operands=("x", "weight", "bias"),
        ulp=8,
        conditioned=True,
        integral=_affine(whole(-8, 8)),
        refusals=(Refusal("another number of inputs", ((4, 3), (5, 2), (2,))),),
        profile="layers",
        made_of=("ops.mm",),
    ),
    Op(
        "embedding",
        "(v,d)->(d)",
        lambda weight, indices: weight[np.asarray(indices).astype(np.intp)],
        _selected(reals(-4, 4), min_dims=2, max_dims=2, min_side=1),
        operands=("weight",),
        integral=_selected(whole(-8, 8), min_dims=2, max_dims=2, min_side=1),
        refusals=(
            Refusal("an index past the vocabulary", ((3, 2),), {"indices": np.array([3])}),
            Refusal("a negative index", ((3, 2),), {"indices": np.array([-1])}),
        ),
        profile="layers",
        made_of=("ops.index_select",),
    ),
    Op(
        "rnn_cell",
        "(b,n),(b,h),(n,h),(h),(h,h),(h),(h,m),(m)->(b,m)",
        rnn_cell,
        _recurrent(reals(-1, 1)),
        operands=("x", "h", "w_ih", "b_ih", "w_hh", "b_hh", "w_ho", "b_ho"),
        ulp=16,
        conditioned=True,
        vjp_ulp=16,
        slack=_largest_term,
        refusals=(
            Refusal("another number of inputs", ((2, 3), (2, 4), (5, 4), (4,), (4, 4), (4,), (4, 1), (1,))),
            Refusal(
                "a hidden state of another size", ((2, 3), (2, 5), (3, 4), (4,), (4, 4), (4,), (4, 1), (1,))
            ),
        ),
        profile="layers",
        output=0,
        wide=False,
        zeros=(),
        made_of=("layers.linear", "ops.sigmoid", "ops.tanh"),
    ),
    Op(
        "lstm_cell",
        "(b,n),(b,h),(b,h),4x[(n,h),(h)],4x(h,h),(h,m)->(b,m)",
        lstm_cell,
        _gated(reals(-1, 1)),
        operands=(
            *("x", "h", "c", "w_xf", "b_xf", "w_xi", "b_xi", "w_xo", "b_xo", "w_xc", "b_xc"),
            *("w_hf", "w_hi", "w_ho", "w_hc", "w_out"),
        ),
        ulp=16,
        conditioned=True,
        vjp_ulp=16,
        slack=_largest_term,
        profile="layers",
        output=0,
        wide=False,
        zeros=(),
        made_of=("layers.linear", "ops.sigmoid", "ops.tanh", "ops.multiply"),
    ),
    Op(
        "mse_loss",
        "(),()->()",
        mse,
        _compared(reals(-4, 4)),
        operands=("prediction", "target"),
        ulp=8,
        conditioned=True,
        refusals=(
            Refusal("a column against a vector", ((4, 1), (4,))),
            Refusal("shapes that would broadcast", ((2, 3), (3,))),
        ),
        profile="losses",
        made_of=("ops.subtract", "ops.multiply"),
    ),
    Op(
        "cross_entropy_loss",
        "(k),()->()",
        cross_entropy,
        _classified(reals(-4, 4)),
        operands=("logits",),
        ulp=8,
        conditioned=True,
        offset=1,
        slack=_of_cross_entropy,
        refusals=(
            Refusal("fewer targets than rows", ((3, 4),), {"targets": np.array([0, 1])}),
            Refusal("a target past the last class", ((2, 3),), {"targets": np.array([3, 0])}),
            Refusal("a negative target", ((2, 3),), {"targets": np.array([-1, 0])}),
        ),
        profile="losses",
        made_of=("ops.cross_entropy",),
    ),
)
"""Every row, in the order in which a framework would grow."""

BY_NAME: Mapping[str, Op] = {op.name: op for op in CATALOGUE}

OPS: frozenset[str] = frozenset(BY_NAME) | {"linear_without_bias"}
"""The names that programs call: every row's, and a layer with an option, which is no row of its own."""
