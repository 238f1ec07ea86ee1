"""Programs for a GPU, each of which goes once over what it reads.

Every program instance takes one block of the elements and one row, or one pair of rows. Sums are
left block by block, to be added up in double precision and always in the same order.

Legend: n elements, k groups with a first derivative, j of them with a second one.
"""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n", "k", "j", "place", "stride"])
def bend(
    value, one, two, three, delta, rows, out, pulled, parts, n, k, j, place, stride,
    KIND: tl.constexpr, WEIGHED: tl.constexpr, PAIRS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Jets through an elementwise function, and what it adds to H̄ and D^(3).

    Args:
        value: The function's result, [n]; read for a ``KIND`` that is named.
        one: σ′, [n]; this and the next two are read for no ``KIND``.
        two: σ″, [n].
        three: σ‴, [n].
        delta: δ, [n]; read if ``WEIGHED``.
        rows: Vˢˢ and Vˢ of the argument, [j + k, n].
        out: Vˢˢ and Vˢ of the result, [2k, n].
        pulled: δσ″Vˢ, [k, n]; written unless ``PAIRS``.
        parts: ⟨δσ‴, (Vˢ)³⟩ + 3⟨δσ″, VˢVˢˢ⟩ of each block, and with ``PAIRS`` ⟨δσ″, VˢVᵗ⟩ after
            it, [blocks, k, 1] or [blocks, k, 1 + k].
        n: The elements.
        k: The groups.
        j: Those with a second derivative, side by side among them.
        place: Where they begin.
        stride: From one row to the next.
        KIND: "tanh", or "" for a function whose derivatives are given.
        WEIGHED: Whether there is a δ.
        PAIRS: Whether the sums over pairs are wanted.
        BLOCK: How many elements an instance takes.
    """
    instance = tl.program_id(0)
    s = instance % k
    block = (instance // k).to(tl.int64)
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    if KIND == "tanh":
        y = tl.load(value + at, mask=inside, other=0.0)
        first = 1 - y * y
        second = -2 * y * first
        third = (4 - 6 * first) * first
    else:
        first = tl.load(one + at, mask=inside, other=0.0)
        second = tl.load(two + at, mask=inside, other=0.0)
        third = tl.load(three + at, mask=inside, other=0.0)
    row = s.to(tl.int64)
    v = tl.load(rows + (j + row) * stride + at, mask=inside, other=0.0)
    is_bent = (s >= place) & (s < place + j)
    w = tl.load(rows + (row - place) * stride + at, mask=at < tl.where(is_bent, n, 0), other=0.0)
    moved = tl.where(is_bent, first * w, 0.0)  # σ′ may be infinite
    tl.store(out + row * n + at, second * v * v + moved, mask=inside)
    tl.store(out + (k + row) * n + at, first * v, mask=inside)
    if WEIGHED:
        d = tl.load(delta + at, mask=inside, other=0.0)
        drawn = d * second * v
        cubes = tl.where(inside, d * third * v * v * v, 0.0)
        pure = tl.sum(cubes + tl.where(is_bent, 3 * drawn * w, 0.0))
        if PAIRS:
            mine = parts + (block * k + row) * (1 + k)
            tl.store(mine, pure)
            for t in range(s, k):
                other = tl.load(rows + (j + t) * stride + at, mask=inside, other=0.0)
                pair = tl.sum(drawn * other)
                tl.store(mine + 1 + t, pair)
                tl.store(parts + (block * k + t) * (1 + k) + 1 + s, pair)
        else:
            tl.store(parts + block * k + row, pure)
            tl.store(pulled + row * n + at, drawn, mask=inside)


@triton.jit(do_not_specialize=["n", "k", "m", "a_stride", "b_stride"])
def sums(
    a, b, parts, n, k, m, a_stride, b_stride, WIDTH: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """The product of each row of a matrix with each row of another.

    Args:
        a: The one, [k, n].
        b: The other, [m, n].
        parts: The products of each block, [blocks, k, m].
        n: The elements of a row.
        k: The rows of the one.
        m: The rows of the other.
        a_stride: From one row of the one to the next.
        b_stride: The same of the other.
        WIDTH: How many times ``BLOCK`` elements an instance takes.
        BLOCK: How many it takes at once.
    """
    instance = tl.program_id(0)
    pair = instance % (k * m)
    block = (instance // (k * m)).to(tl.int64)
    left = a + (pair // m).to(tl.int64) * a_stride
    right = b + (pair % m).to(tl.int64) * b_stride
    total = tl.zeros([BLOCK], dtype=parts.dtype.element_ty)
    for step in tl.static_range(WIDTH):
        at = (block * WIDTH + step) * BLOCK + tl.arange(0, BLOCK)
        inside = at < n
        x = tl.load(left + at, mask=inside, other=0.0)
        total += x * tl.load(right + at, mask=inside, other=0.0)
    tl.store(parts + instance, tl.sum(total))
