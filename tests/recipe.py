"""Runs the Python blocks of a page in order in one namespace, as a notebook would, and checks what they print."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A Python block, where it begins, and what the page says it prints (None where the page does not say)."""

    line: int
    code: str
    shown: str | None


def blocks_of(page: str) -> list[Block]:
    """A `text` block that follows a `python` block, with nothing between, is what that one prints."""
    found = list(_FENCE.finditer(page))
    out = []
    for i, fence in enumerate(found):
        if fence[1] != "python":
            continue
        after = found[i + 1] if i + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and not page[fence.end() : after.start()].strip()
        out.append(Block(page[: fence.start()].count("\n") + 2, fence[2], after[2] if after and follows else None))
    return out


def run_page(path: Path) -> int:
    """Run a page; AssertionError where a block prints something else than shown. Returns the number of blocks."""
    page = path.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "recipe"}
    blocks = blocks_of(page)
    for block in blocks:
        printed = io.StringIO()
        # Line numbers of the page, so that a traceback leads to it.
        code = compile("\n" * (block.line - 1) + block.code, str(path), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert _plain(printed.getvalue()) == _plain(block.shown or ""), f"{path.name}, line {block.line}"
    return len(blocks)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
