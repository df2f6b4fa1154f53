"""Weights of evidence in words, both languages: the verbal scale of ENFSI and AFSP (evidence.md 1.3).

A weight always compares two propositions, and words without both of them say nothing: whoever shows one names both.
"""

from __future__ import annotations

import math

SCALE: tuple[tuple[float, str, str], ...] = (
    (0.30103, "几乎没有", "hardly any"),
    (1.0, "微弱", "weak"),
    (2.0, "中等", "moderate"),
    (3.0, "较强", "moderately strong"),
    (4.0, "强", "strong"),
    (6.0, "很强", "very strong"),
    (math.inf, "极强", "extremely strong"),
)
"""Upper limit of log10 LR (below it), Chinese, English: 2-10 weak, up to 100 moderate, and so on."""


def strength(log10_lr: float) -> dict[str, str]:
    """Return how strongly the first proposition is supported, or for a negative weight the second, by language.

    >>> strength(2.5)["en"], strength(-2.5)["en"]
    ('moderately strong support', 'moderately strong support for the other')
    >>> strength(0.0)
    {'zh': '几乎没有支持', 'en': 'hardly any support'}
    >>> strength(6.0)["en"], strength(5.999)["zh"], strength(-7)["zh"]
    ('extremely strong support', '很强的支持', '对另一方极强的支持')
    """
    if math.isnan(log10_lr):
        raise ValueError("a weight of evidence is a number, found NaN")
    zh, en = next((zh, en) for limit, zh, en in SCALE if abs(log10_lr) < limit or limit == math.inf)
    if abs(log10_lr) < SCALE[0][0]:
        return {"zh": f"{zh}支持", "en": f"{en} support"}
    if log10_lr < 0:
        return {"zh": f"对另一方{zh}的支持", "en": f"{en} support for the other"}
    return {"zh": f"{zh}的支持", "en": f"{en} support"}
