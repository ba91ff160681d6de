// A small deep-learning framework in JavaScript, and the protocol by which dlspec verifies it:
//
//     dlspec verify "cmd:node examples/other_languages/small.js"
//
// Written from docs/protocol.md and docs/spec.md. It needs Node 18 or later, and nothing else. From top to
// bottom: errors, numbers as the protocol writes them, tensors, ops with their pullbacks, layers and losses made
// of them, the tape, gradient descent, and the conversation.

"use strict";

const readline = require("node:readline");

// Errors: what is refused, with the kind that the protocol has for it. Any other exception is an accident.

class Refusal extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

function refuseIf(condition, kind, message) {
  if (condition) throw new Refusal(kind, message);
}

// Numbers on the wire: floating-point numbers in hexadecimal, integers in decimal.

const bits = new DataView(new ArrayBuffer(8));

function readFloat(text) {
  if (text === "nan") return NaN;
  if (text.endsWith("inf")) return text.startsWith("-") ? -Infinity : Infinity;
  const [, sign, whole, fraction, exponent] = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d+)$/i.exec(text);
  // At most 53 bits, so the digits are exact as an integer; and scaling by a power of two rounds nothing.
  const size = parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === "-" ? -size : size;
}

function writeFloat(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  const exponent = (high >>> 20) & 0x7ff;
  const fraction = (high & 0xfffff).toString(16).padStart(5, "0") + bits.getUint32(4).toString(16).padStart(8, "0");
  const sign = high >>> 31 ? "-" : "";
  return exponent === 0 ? `${sign}0x0.${fraction}p-1022` : `${sign}0x1.${fraction}p${exponent - 1023}`;
}

// Tensors: a type, a shape and the elements row by row. Elements of floating-point types are numbers, those
// of integers are BigInts, so that none of them is too large.

const isFloat = (dtype) => dtype.startsWith("float");
const isInteger = (dtype) => dtype.includes("int");
const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);
const bitsOf = (dtype) => Number(/\d+$/.exec(dtype)[0]);

/** A number as an element of that type: rounded, or wrapped around. */
function cast(x, dtype) {
  if (dtype === "float64") return Number(x);
  if (dtype === "float32") return Math.fround(Number(x));
  const whole = typeof x === "bigint" ? x : BigInt(Math.trunc(Number(x)));
  return dtype.startsWith("uint") ? BigInt.asUintN(bitsOf(dtype), whole) : BigInt.asIntN(bitsOf(dtype), whole);
}

function tensor(dtype, shape, elements) {
  const data = isInteger(dtype) ? Array.from(elements) : Float64Array.from(elements);
  if (dtype === "float32") data.forEach((x, k) => (data[k] = Math.fround(x)));
  return { dtype, shape, data };
}

function readArray({ dtype, shape, data }) {
  if (dtype === "bool") return { dtype, shape, data };
  return tensor(dtype, shape, data.map(isFloat(dtype) ? readFloat : BigInt));
}

function writeArray({ dtype, shape, data }) {
  return { dtype, shape, data: Array.from(data, isFloat(dtype) ? writeFloat : String) };
}

const asType = (x, dtype) => (x.dtype === dtype ? x : tensor(dtype, x.shape, Array.from(x.data, (e) => cast(e, dtype))));
const zeros = (x) => tensor(x.dtype, x.shape, new Float64Array(x.data.length));

/** The floating-point type that a function of this type has. */
const realOf = (dtype) => (isFloat(dtype) ? dtype : "float64");

/** The type of a result of two operands. A plain number has none, and follows the other. */
function commonType(x, y) {
  const real = isFloat(x.dtype) || isFloat(y.dtype);
  if (x.weak || y.weak) {
    const strong = x.weak ? y : x;
    return real ? realOf(strong.dtype) : strong.dtype;
  }
  if (x.dtype === y.dtype) return x.dtype;
  if (real) {
    const fits = (t) => t.dtype === "float32" || (isInteger(t.dtype) && bitsOf(t.dtype) <= 16);
    return fits(x) && fits(y) ? "float32" : "float64";
  }
  const [narrow, wide] = [x.dtype, y.dtype].sort((a, b) => bitsOf(a) - bitsOf(b));
  const unsigned = (dtype) => dtype.startsWith("uint");
  if (unsigned(narrow) === unsigned(wide) || (!unsigned(wide) && bitsOf(wide) > bitsOf(narrow))) return wide;
  return bitsOf(wide) < 64 ? `int${2 * bitsOf(wide)}` : "float64";
}

// Shapes and axes.

function broadcastShape(a, b, what) {
  const shape = [];
  for (let k = 1; k <= Math.max(a.length, b.length); k++) {
    const [m, n] = [a[a.length - k] ?? 1, b[b.length - k] ?? 1];
    refuseIf(m !== n && m !== 1 && n !== 1, "value", `${what}: shapes (${a}) and (${b}) don't broadcast`);
    shape.unshift(m === 1 ? n : m);
  }
  return shape;
}

function stridesOf(shape) {
  const strides = new Array(shape.length).fill(1);
  for (let k = shape.length - 2; k >= 0; k--) strides[k] = strides[k + 1] * shape[k + 1];
  return strides;
}

/** For each element of `shape`, row by row, the sum of its indices times the strides. */
function offsets(shape, strides) {
  let found = Int32Array.of(0);
  shape.forEach((side, axis) => {
    const next = new Int32Array(found.length * side);
    for (let k = 0; k < next.length; k++) next[k] = found[Math.floor(k / side)] + (k % side) * strides[axis];
    found = next;
  });
  return found;
}

/** Where each element of `shape` comes from in an array of shape `from` that is broadcast to it. */
function sources(from, shape) {
  const missing = shape.length - from.length;
  const strides = stridesOf(from);
  return offsets(shape, shape.map((_, k) => (k < missing || from[k - missing] === 1 ? 0 : strides[k - missing])));
}

function axisOf(dim, count, what) {
  refuseIf(!Number.isInteger(dim), "type", `${what}: a dim is a whole number, not ${JSON.stringify(dim)}`);
  refuseIf(dim < -count || dim >= count, "index", `${what}: there is no dim ${dim} among ${count}`);
  return dim < 0 ? dim + count : dim;
}

function axesOf(dims, count, what) {
  const axes = dims.map((dim) => axisOf(dim, count, what));
  refuseIf(new Set(axes).size < axes.length, "value", `${what}: dims (${dims}) name one twice`);
  return axes;
}

/** Add in pairs of pairs, so that rounding errors don't pile up. */
function addUp(numbers, start = 0, end = numbers.length) {
  if (end - start <= 8) {
    let total = 0;
    for (let k = start; k < end; k++) total += numbers[k];
    return total;
  }
  const middle = (start + end) >> 1;
  return addUp(numbers, start, middle) + addUp(numbers, middle, end);
}

// Ops. Each takes tensors and static arguments, and gives its value and its pullback: from the cotangent of the
// value, one for each operand. `ops` is everything that is called by name; `tape.apply` calls it.

const ops = {};

/** An op of two operands that broadcast; `slopes` are the derivatives, each times the cotangent `w`. */
function pairwise(name, real, ofReal, ofWhole, slopes) {
  ops[name] = (x, y) => {
    const common = commonType(x, y);
    const dtype = real ? realOf(common) : common;
    const shape = broadcastShape(x.shape, y.shape, name);
    const [a, b] = [asType(x, dtype), asType(y, dtype)];
    const [i, j] = [sources(a.shape, shape), sources(b.shape, shape)];
    const compute = isFloat(dtype) ? ofReal : (p, q) => cast(ofWhole(p, q), dtype);
    const value = tensor(dtype, shape, Array.from(i, (_, k) => compute(a.data[i[k]], b.data[j[k]])));
    const pullback = (w) =>
      [[x, i], [y, j]].map(([operand, from], which) => {
        const bar = new Float64Array(operand.data.length);
        from.forEach((place, k) => (bar[place] += slopes[which](w.data[k], Number(a.data[i[k]]), Number(b.data[j[k]]))));
        return tensor(realOf(operand.dtype), operand.shape, bar);
      });
    return { value, pullback };
  };
}

pairwise("add", false, (p, q) => p + q, (p, q) => p + q, [(w) => w, (w) => w]);
pairwise("subtract", false, (p, q) => p - q, (p, q) => p - q, [(w) => w, (w) => -w]);
pairwise("multiply", false, (p, q) => p * q, (p, q) => p * q, [(w, p, q) => w * q, (w, p) => w * p]);
// In this order, since the square of the divisor may be 0 or infinite where the derivative is neither.
pairwise("divide", true, (p, q) => p / q, null, [(w, p, q) => w / q, (w, p, q) => -(w / q) * (p / q)]);

/** A function of each element by itself; `slope` is its derivative, times the cotangent. */
function elementwise(name, f, slope, ofWhole = null) {
  ops[name] = (x) => {
    if (isInteger(x.dtype) && ofWhole) {
      const whole = tensor(x.dtype, x.shape, x.data.map((n) => cast(ofWhole(n), x.dtype)));
      return { value: whole, pullback: (w) => [tensor("float64", x.shape, w.data.map((c, k) => slope(c, Number(x.data[k]))))] };
    }
    const { dtype, shape, data } = asType(x, realOf(x.dtype));
    const value = tensor(dtype, shape, data.map(f));
    return { value, pullback: (w) => [tensor(dtype, shape, w.data.map((c, k) => slope(c, data[k], value.data[k])))] };
  };
}

// exp(-|x|) never overflows, and keeps its digits where both functions saturate.
const fading = (x, times) => Math.exp(-times * Math.abs(x));
const logistic = (x) => (x < 0 ? fading(x, 1) : 1) / (1 + fading(x, 1));

elementwise("negative", (x) => -x, (w) => -w, (n) => -n);
elementwise("exp", Math.exp, (w, x, y) => w * y);
elementwise("log", Math.log, (w, x) => w / x);
elementwise("relu", (x) => (x <= 0 ? 0 : x), (w, x) => (x > 0 ? w : 0), (n) => (n > 0n ? n : 0n));
elementwise("tanh", Math.tanh, (w, x) => w * ((4 * fading(x, 2)) / (1 + fading(x, 2)) ** 2));
elementwise("sigmoid", logistic, (w, x) => w * (fading(x, 1) / (1 + fading(x, 1)) ** 2));

function power(x, c) {
  if (!Number.isInteger(c) || Math.abs(c) > 3) return Math.pow(x, c);
  const size = [1, x, x * x, x * x * x][Math.abs(c)];
  return c < 0 ? 1 / size : size;
}

ops.power = (x, { exponent }) => {
  const c = Number(exponent);
  if (isInteger(x.dtype) && Number.isInteger(exponent) && c >= 0) {
    const whole = tensor(x.dtype, x.shape, x.data.map((n) => cast(n ** BigInt(c), x.dtype)));
    return { value: whole, pullback: (w) => ops.power(asType(x, "float64"), { exponent }).pullback(w) };
  }
  const { dtype, shape, data } = asType(x, realOf(x.dtype));
  const slope = (w, p) => (c === 0 ? 0 : c === 1 ? w : w * (c * power(p, c - 1)));
  return {
    value: tensor(dtype, shape, data.map((p) => power(p, c))),
    pullback: (w) => [tensor(dtype, shape, w.data.map((b, k) => slope(b, data[k])))],
  };
};

/** Which elements of `x` are put together: the shape of the result, and for each of its elements their places. */
function groupsOf(x, dim, keepdims, what) {
  const count = x.shape.length;
  const dims = dim === null ? [...x.shape.keys()] : [dim].flat();
  const axes = axesOf(dims, count, what);
  const strides = stridesOf(x.shape);
  const pick = (list, inside) => list.filter((_, k) => axes.includes(k) === inside);
  const starts = offsets(pick(x.shape, false), pick(strides, false));
  const steps = offsets(pick(x.shape, true), pick(strides, true));
  const shape = keepdims ? x.shape.map((side, k) => (axes.includes(k) ? 1 : side)) : pick(x.shape, false);
  return { shape, groups: Array.from(starts, (start) => steps.map((step) => start + step)) };
}

/** Put the elements of each group together; `share` is what they receive of the group's cotangent. */
function reduction(name, typeOf, put, share) {
  ops[name] = (x, { dim = null, keepdims = false }) => {
    const { shape, groups } = groupsOf(x, dim, keepdims, name);
    const { dtype, data } = asType(x, typeOf(x.dtype));
    const valuesOf = (group) => Array.from(group, (place) => data[place]);
    const value = tensor(dtype, shape, groups.map((group) => put(valuesOf(group), dtype)));
    const pullback = (w) => {
      const bar = new Float64Array(x.data.length);
      groups.forEach((group, k) => {
        const shares = share(w.data[k], valuesOf(group));
        group.forEach((place, n) => (bar[place] = shares[n]));
      });
      return [tensor(realOf(x.dtype), x.shape, bar)];
    };
    return { value, pullback };
  };
}

const totalType = (dtype) => (isFloat(dtype) ? dtype : dtype.startsWith("uint") ? "uint64" : "int64");

function total(numbers, dtype) {
  return isFloat(dtype) ? addUp(numbers) : numbers.reduce((sum, n) => cast(sum + n, dtype), 0n);
}

function largest(numbers) {
  refuseIf(numbers.length === 0, "value", "max: nothing to choose from");
  return numbers.reduce((top, x) => (x > top || Number.isNaN(x) ? x : top));
}

function shareOfLargest(w, values) {
  const top = largest(values);
  const isTop = (x) => x === top || (Number.isNaN(x) && Number.isNaN(top));
  const ties = values.filter(isTop).length;
  return values.map((x) => (isTop(x) ? w / ties : 0));
}

reduction("sum", totalType, total, (w, values) => values.map(() => w));
reduction("mean", realOf, (values) => addUp(values) / values.length, (w, values) => values.map(() => w / values.length));
reduction("max", (dtype) => dtype, largest, shareOfLargest);

ops.mm = (x, y) => {
  refuseIf(x.shape.length === 0 || y.shape.length === 0, "value", "mm: a number is no matrix");
  const dtype = commonType(x, y);
  const [a, b] = [asType(x, dtype), asType(y, dtype)];
  const left = x.shape.length === 1 ? [1, ...x.shape] : x.shape; // a vector is a row on the left
  const right = y.shape.length === 1 ? [...y.shape, 1] : y.shape; // and a column on the right
  const [n, inner] = left.slice(-2);
  const [other, m] = right.slice(-2);
  refuseIf(inner !== other, "value", `mm: shapes (${x.shape}) and (${y.shape}) have inner sizes ${inner} and ${other}`);
  const batch = broadcastShape(left.slice(0, -2), right.slice(0, -2), "mm");
  const [i, j] = [sources(left.slice(0, -2), batch), sources(right.slice(0, -2), batch)];
  const shape = [...batch, ...(x.shape.length > 1 ? [n] : []), ...(y.shape.length > 1 ? [m] : [])];
  const value = isFloat(dtype) ? new Float64Array(sizeOf(batch) * n * m) : new Array(sizeOf(batch) * n * m).fill(0n);
  // Every product of one element of each side, by its place in x, y and the result.
  const eachProduct = (visit) => {
    for (let k = 0; k < i.length; k++)
      for (let row = 0; row < n; row++)
        for (let column = 0; column < m; column++)
          for (let step = 0; step < inner; step++)
            visit((i[k] * n + row) * inner + step, (j[k] * inner + step) * m + column, (k * n + row) * m + column);
  };
  eachProduct((p, q, r) => (value[r] += a.data[p] * b.data[q]));
  const pullback = (w) => {
    const bars = [new Float64Array(a.data.length), new Float64Array(b.data.length)];
    eachProduct((p, q, r) => {
      bars[0][p] += w.data[r] * Number(b.data[q]);
      bars[1][q] += w.data[r] * Number(a.data[p]);
    });
    return [x, y].map((operand, k) => tensor(realOf(operand.dtype), operand.shape, bars[k]));
  };
  return { value: tensor(dtype, shape, isFloat(dtype) ? value : value.map((e) => cast(e, dtype))), pullback };
};

/** An op that moves elements: element k of the result is that at `from[k]`; cotangents go the same way back. */
function moved(x, shape, from) {
  const pullback = (w) => {
    const bar = new Float64Array(x.data.length);
    from.forEach((place, k) => (bar[place] += w.data[k]));
    return [tensor(realOf(x.dtype), x.shape, bar)];
  };
  return { value: tensor(x.dtype, shape, Array.from(from, (place) => x.data[place])), pullback };
}

ops.transpose = (x, { axes = null }) => {
  const order = axes === null ? [...x.shape.keys()].reverse() : axesOf(axes, x.shape.length, "transpose");
  refuseIf(order.length !== x.shape.length, "value", `transpose: ${order.length} axes for shape (${x.shape})`);
  const strides = stridesOf(x.shape);
  const shape = order.map((axis) => x.shape[axis]);
  return moved(x, shape, offsets(shape, order.map((axis) => strides[axis])));
};

ops.reshape = (x, { shape }) => {
  const sides = [shape].flat();
  const unknown = sides.filter((side) => side === -1).length;
  refuseIf(unknown > 1 || sides.some((side) => side < -1), "value", `reshape: (${sides}) is no shape`);
  const known = sizeOf(sides.filter((side) => side !== -1));
  const rest = x.data.length / known;
  const full = sides.map((side) => (side === -1 ? rest : side));
  refuseIf(!Number.isInteger(unknown ? rest : 0) || sizeOf(full) !== x.data.length, "value",
    `reshape: (${x.shape}) has another number of elements than (${sides})`);
  return moved(x, full, Int32Array.from(x.data.keys()));
};

ops.expand = (x, { dim, copies }) => {
  const axis = axisOf(dim, x.shape.length + 1, "expand");
  refuseIf(!Number.isInteger(copies) || copies < 0, "value", `expand: ${copies} copies`);
  const insert = (list, item) => [...list.slice(0, axis), item, ...list.slice(axis)];
  const shape = insert(x.shape, copies);
  return moved(x, shape, offsets(shape, insert(stridesOf(x.shape), 0)));
};

/** Indices as numbers, each of them checked. */
function whole(indices, count, what) {
  refuseIf(!isInteger(indices.dtype), "type", `${what} are integers, not ${indices.dtype}`);
  const outside = indices.data.find((index) => index < 0n || index >= BigInt(count));
  refuseIf(outside !== undefined, "index", `${what} are from 0 to ${count - 1}, and ${outside} is not`);
  return indices.data.map(Number);
}

ops.index_select = (x, { indices }) => {
  refuseIf(x.shape.length === 0, "value", "index_select: a number has no rows");
  const [count, ...row] = x.shape;
  const rows = whole(indices, count, "indices");
  const length = sizeOf(row);
  const from = Int32Array.from({ length: rows.length * length }, (_, k) => rows[Math.floor(k / length)] * length + (k % length));
  return moved(x, [...indices.shape, ...row], from);
};

/** The parts of a softmax: the logits below the largest, their exponentials, and the sum of all but the largest. */
function parts(logits) {
  const top = logits.indexOf(Math.max(...logits));
  const below = logits.map((x) => x - logits[Math.max(top, 0)]);
  const weights = below.map(Math.exp);
  const others = addUp(weights.map((e, k) => (k === top ? 0 : e)));
  return { below, weights, others };
}

const probabilities = ({ weights, others }) => weights.map((e) => e / (1 + others));
const logProbabilities = ({ below, others }) => below.map((d) => d - Math.log1p(others));

/** An op along one axis: `f` of a row of logits, and what it pulls back. */
function along(name, f, pull) {
  ops[name] = (x, { dim = -1 }) => {
    const axis = axisOf(dim, x.shape.length, name);
    const { groups } = groupsOf(x, axis, false, name);
    const { dtype, shape, data } = asType(x, realOf(x.dtype));
    const value = new Float64Array(data.length);
    const rows = groups.map((group) => f(parts(Array.from(group, (place) => data[place]))));
    groups.forEach((group, k) => group.forEach((place, n) => (value[place] = rows[k][n])));
    const pullback = (w) => {
      const bar = new Float64Array(data.length);
      groups.forEach((group, k) => {
        const bars = pull(Array.from(group, (place) => w.data[place]), rows[k]);
        group.forEach((place, n) => (bar[place] = bars[n]));
      });
      return [tensor(dtype, shape, bar)];
    };
    return { value: tensor(dtype, shape, value), pullback };
  };
}

along("softmax", probabilities, (w, p) => {
  const mean = addUp(p.map((q, k) => (q === 0 ? 0 : q * w[k])));
  return p.map((q, k) => (q === 0 ? 0 : q * (w[k] - mean)));
});
along("log_softmax", logProbabilities, (w, logs) => {
  const sum = addUp(w);
  return logs.map((log, k) => w[k] - Math.exp(log) * sum);
});

function checkReduction(reduction) {
  refuseIf(!["mean", "sum", "none"].includes(reduction), "value", `reduction: ${JSON.stringify(reduction)} is none`);
}

ops.cross_entropy = (x, { targets, reduction = "mean" }) => {
  checkReduction(reduction);
  refuseIf(x.shape.length === 0, "value", "cross_entropy: logits without classes");
  const classes = x.shape[x.shape.length - 1];
  refuseIf(String(targets.shape) !== String(x.shape.slice(0, -1)) || targets.shape.length !== x.shape.length - 1, "value",
    `cross_entropy: targets of shape (${targets.shape}) for logits of shape (${x.shape})`);
  const chosen = whole(targets, classes, "targets");
  const count = chosen.length;
  refuseIf(reduction === "mean" && count === 0, "value", "cross_entropy: the mean of no losses");
  const { dtype, data } = asType(x, realOf(x.dtype));
  const rows = chosen.map((_, k) => parts(Array.from(data.subarray(k * classes, (k + 1) * classes))));
  const losses = rows.map((row, k) => Math.log1p(row.others) - row.below[chosen[k]]);
  const put = { mean: () => [addUp(losses) / count], sum: () => [addUp(losses)], none: () => losses }[reduction];
  const pullback = (w) => {
    const bar = new Float64Array(data.length);
    rows.forEach((row, k) => {
      const share = reduction === "none" ? w.data[k] : reduction === "mean" ? w.data[0] / count : w.data[0];
      const p = probabilities(row);
      // At the target it is p - 1: minus the probability of the others, which keeps its digits.
      const others = addUp(p.map((q, n) => (n === chosen[k] ? 0 : q)));
      p.forEach((q, n) => (bar[k * classes + n] = n === chosen[k] ? -share * others : q * share));
    });
    return [tensor(dtype, x.shape, bar)];
  };
  return { value: tensor(dtype, reduction === "none" ? targets.shape : [], put()), pullback };
};
ops.cross_entropy_loss = ops.cross_entropy;

// Layers and losses, made of ops: functions of the tape and of values on it.

const layers = {};

layers.linear_without_bias = (tape, x, w) => {
  refuseIf(w.tensor.shape.length !== 2, "value", `linear: a weight of shape (${w.tensor.shape})`);
  return tape.apply("mm", [x, w]);
};

layers.linear = (tape, x, w, b) => {
  const y = layers.linear_without_bias(tape, x, w);
  refuseIf(String(b.tensor.shape) !== String(w.tensor.shape[1]), "value", `linear: a bias of shape (${b.tensor.shape})`);
  return tape.apply("add", [y, b]);
};

layers.embedding = (tape, weight, { indices }) => {
  refuseIf(weight.tensor.shape.length !== 2, "value", `embedding: a table of shape (${weight.tensor.shape})`);
  return tape.apply("index_select", [weight], { indices });
};

function sameBatch(...states) {
  const [first, ...others] = states.map(({ tensor: { shape } }) => shape);
  const fits = (shape) => shape.length === first.length && String(shape.slice(0, -1)) === String(first.slice(0, -1));
  refuseIf(!others.every(fits), "value", `a cell: states of shape (${others.join("), (")}) for an input of (${first})`);
}

layers.rnn_cell = (tape, x, h, w_ih, b_ih, w_hh, b_hh, w_ho, b_ho, { activation = "sigmoid" }) => {
  refuseIf(!["sigmoid", "tanh"].includes(activation), "value", `rnn_cell: activation ${JSON.stringify(activation)}`);
  sameBatch(x, h);
  const inner = tape.apply("add", [layers.linear(tape, x, w_ih, b_ih), layers.linear(tape, h, w_hh, b_hh)]);
  const next = tape.apply(activation, [inner]);
  return [layers.linear(tape, next, w_ho, b_ho), next];
};

layers.lstm_cell = (tape, x, h, c, w_xf, b_xf, w_xi, b_xi, w_xo, b_xo, w_xc, b_xc, w_hf, w_hi, w_ho, w_hc, w_out) => {
  sameBatch(x, h, c);
  const gate = (activation, w_x, b_x, w_h) =>
    tape.apply(activation, [tape.apply("add", [layers.linear(tape, x, w_x, b_x), layers.linear_without_bias(tape, h, w_h)])]);
  const f = gate("sigmoid", w_xf, b_xf, w_hf);
  const i = gate("sigmoid", w_xi, b_xi, w_hi);
  const o = gate("sigmoid", w_xo, b_xo, w_ho);
  const g = gate("tanh", w_xc, b_xc, w_hc);
  const nextC = tape.apply("add", [tape.apply("multiply", [f, c]), tape.apply("multiply", [i, g])]);
  const nextH = tape.apply("multiply", [o, tape.apply("tanh", [nextC])]);
  return [layers.linear_without_bias(tape, nextH, w_out), nextH, nextC];
};

layers.mse_loss = (tape, prediction, target, { reduction = "mean" }) => {
  checkReduction(reduction);
  const [p, t] = [prediction.tensor, target.tensor];
  refuseIf(String(p.shape) !== String(t.shape) || p.shape.length !== t.shape.length, "value",
    `mse_loss: a prediction of shape (${p.shape}) and a target of shape (${t.shape})`);
  refuseIf(reduction === "mean" && p.data.length === 0, "value", "mse_loss: the mean of no losses");
  // Integers are compared as real numbers: 3 - 5 is -2 among bytes, too.
  const real = (x) => (isFloat(x.tensor.dtype) ? x : tape.apply("multiply", [x, tape.constant(1.0)]));
  const difference = tape.apply("subtract", [real(prediction), real(target)]);
  const squares = tape.apply("multiply", [difference, difference]);
  return reduction === "none" ? squares : tape.apply(reduction, [squares]);
};

// The tape: what was computed, in order, and the way back along it.

class Tape {
  constructor() {
    this.steps = [];
  }

  constant(number) {
    return { tensor: { ...tensor("float64", [], [number]), weak: true } };
  }

  apply(name, operands, options = {}) {
    const { value, pullback } = ops[name](...operands.map((operand) => operand.tensor), options);
    const result = { tensor: value };
    this.steps.push({ operands, result, pullback });
    return result;
  }

  call(name, operands, options) {
    return name in layers ? layers[name](this, ...operands, options) : this.apply(name, operands, options);
  }

  /** Send a cotangent back from a value; afterwards `arrived` holds what every value on the way received. */
  pullBack(from, cotangent) {
    const arrived = new Map([[from, cotangent]]);
    for (const { operands, result, pullback } of [...this.steps].reverse()) {
      if (!arrived.has(result)) continue; // nothing that was asked about depends on it
      pullback(arrived.get(result)).forEach((bar, k) => {
        const before = arrived.get(operands[k]);
        const sum = before ? tensor(bar.dtype, bar.shape, bar.data.map((b, n) => b + before.data[n])) : bar;
        arrived.set(operands[k], sum);
      });
    }
    return arrived;
  }
}

// Gradient descent.

function sgd({ parameters, steps, momentum, weight_decay, nesterov }) {
  const [m, decay] = [momentum, weight_decay].map(readFloat);
  const sensible = (x) => x >= 0 && x < Infinity;
  refuseIf(parameters.length === 0, "value", "sgd: no parameters");
  refuseIf(!sensible(m) || !sensible(decay), "value", `sgd: momentum ${m}, weight decay ${decay}`);
  refuseIf(nesterov && m === 0, "value", "sgd: Nesterov without momentum");
  const current = parameters.map(readArray);
  current.forEach(({ dtype }) => refuseIf(!isFloat(dtype), "type", `sgd: a parameter of ${dtype}`));
  const velocities = current.map(({ data }) => new Float64Array(data.length));
  return steps.map((step) => {
    const alpha = readFloat(step.alpha);
    refuseIf(!sensible(alpha), "value", `sgd: alpha ${alpha}`);
    refuseIf(step.gradients.every((gradient) => gradient === null), "runtime", "sgd: no parameter has a gradient");
    step.gradients.forEach((written, k) => {
      if (written === null) return;
      const { dtype, shape, data } = current[k];
      const v = velocities[k];
      const gradient = readArray(written);
      const moves = gradient.data.map((g, n) => {
        const pulled = g + decay * data[n];
        v[n] = m * v[n] + pulled;
        return data[n] - alpha * (nesterov ? pulled + m * v[n] : v[n]);
      });
      current[k] = tensor(dtype, shape, moves);
    });
    return current.map(writeArray);
  });
}

// The conversation.

function readOperand(told, values) {
  if (typeof told === "number") return values[told];
  const isFraction = "float" in told;
  const number = isFraction ? readFloat(told.float) : BigInt(told.int ?? (told.bool ? 1 : 0));
  return { tensor: { ...tensor(isFraction ? "float64" : "int64", [], [number]), weak: true } };
}

function readStatic(told) {
  if (Array.isArray(told)) return told.map(readStatic);
  if (told === null || typeof told !== "object") return told;
  if ("dtype" in told) return readArray(told);
  // A float that is whole is another thing than an integer: no dim, and no exponent of whole numbers.
  return new Number(readFloat(told.float));
}

function run({ inputs, program, result }) {
  const tape = new Tape();
  const values = inputs.map((written) => ({ tensor: readArray(written) }));
  for (const { op, args, static: options } of program) {
    if (!(op in ops) && !(op in layers)) throw new Refusal("not-provided", `op ${op}`);
    const named = Object.fromEntries(Object.entries(options).map(([name, told]) => [name, readStatic(told)]));
    values.push(...[tape.call(op, args.map((told) => readOperand(told, values)), named)].flat());
  }
  return { tape, values, value: values[result] };
}

const answers = {
  start: () => ({
    protocol: 1,
    name: "small.js",
    version: "1.0",
    claims: ["ops", "autodiff", "layers", "losses", "optim", "training", "numerics", "errors"],
    dtypes: ["float64", "float32"],
    ops: [...Object.keys(ops), ...Object.keys(layers)],
  }),

  value: (question) => ({ value: writeArray(run(question).value.tensor) }),

  vjp: (question) => {
    const { tape, values, value } = run(question);
    const arrived = tape.pullBack(value, readArray(question.cotangent));
    const cotangents = question.wanted.map((number) => arrived.get(values[number]) ?? null);
    return { value: writeArray(value.tensor), cotangents: cotangents.map((bar) => bar && writeArray(bar)) };
  },

  sgd: (question) => ({ parameters: sgd(question) }),
};

function answer(question) {
  try {
    return answers[question.message](question);
  } catch (error) {
    const kind = error instanceof Refusal ? error.kind : "internal";
    if (kind === "internal") console.error(error.stack);
    return { error: { kind, message: String(error.message) } };
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const question = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id: question.id, ...answer(question) })}\n`);
});
