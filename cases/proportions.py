"""Intervals of a proportion: how far a share seen in a few cases may be from the truth."""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist

LEVEL = 0.95
_TINY = 1e-300
_STEPS = 500
_HALVINGS = 60


def wilson(k: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided Wilson score interval of k in n; ValueError unless 0 <= k <= n and n > 0.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22 (1927)
    209-212; recommended for small n by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101-133.

    >>> [round(x, 4) for x in wilson(0, 10)], [round(x, 4) for x in wilson(9, 10)]
    ([0.0, 0.2775], [0.5958, 0.9821])
    """
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no proportion")
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(k * (n - k) / n + z * z / 4)
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def clopper_pearson_upper(k: float, n: float, level: float = LEVEL) -> float:
    """Return the one-sided exact upper bound of k in n: at least `level` of all samples give one that holds.

    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26 (1934) 404-413. k and n need not be whole (see `cases.spot_checks`). n = 0 tells nothing.

    >>> round(clopper_pearson_upper(0, 59), 4), clopper_pearson_upper(0, 0), clopper_pearson_upper(3, 3)
    (0.0495, 1.0, 1.0)
    """
    if k < 0 or k > n:
        raise ValueError(f"{k} of {n} is no proportion")
    return 1.0 if k >= n else beta_quantile(level, k + 1, n - k)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return where the distribution function of Beta(a, b) is p, within 1e-15, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, DLMF 8.17.22 (https://dlmf.nist.gov/8.17.E22), by Lentz."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly: DLMF 8.17.4
        return 1.0 - beta_cdf(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d, before = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY), inf
    value = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + term * d or _TINY)
            c = 1 + term / c or _TINY
            value *= c * d
        if value == before:
            break
        before = value
    return min(1.0, front * value)
