"""In which language an answer speaks: Chinese, unless the request's Accept-Language likes English better."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request


def language_of(request: Request) -> str:
    """Return `zh` or `en`."""
    return best_language(request.headers.get("accept-language", ""))


def best_language(accepted: str) -> str:
    """Return the better of both for an Accept-Language header.

    >>> best_language("en-GB,en;q=0.9,zh;q=0.8"), best_language("de"), best_language("zh,en")
    ('en', 'zh', 'zh')
    """
    weights = {"zh": 0.0, "en": 0.0}
    for part in accepted.split(","):
        tag, _, parameter = part.strip().partition(";")
        named = tag.strip().lower().partition("-")[0]
        if named in weights:
            weights[named] = max(weights[named], _weight(parameter))
    return "en" if weights["en"] > weights["zh"] else "zh"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return min(1.0, max(0.0, float(value))) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


Language = Annotated[str, Depends(language_of)]
