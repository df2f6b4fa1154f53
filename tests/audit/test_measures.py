"""Names of measures: whatever a rule measures has a name in both languages."""

from __future__ import annotations

import ast
from pathlib import Path

from audit.finding import NOT_CALIBRATED
from audit.measures import MEASURES


def measured_by_rules(root: Path) -> set[str]:
    """The keys that the rules write under `measured` and `margins`, read from their source."""
    found = {f"log10_{name}" for name in ("clone", "tampered", "misread", "clock")}  # of a conflict, whatever it weighs
    for file in [*sorted((root / "audit" / "rules").glob("*.py")), root / "audit" / "camera_evidence.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.keyword)
                and node.arg in ("measured", "margins")
                and isinstance(node.value, ast.Dict)
            ):
                found |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
            if isinstance(node, ast.FunctionDef) and node.name == "_declared":
                found |= {
                    k.value
                    for d in ast.walk(node)
                    if isinstance(d, ast.Dict)
                    for k in d.keys
                    if isinstance(k, ast.Constant)
                }
    return found


def test_every_measure_of_every_rule_has_a_name_in_both_languages(root: Path) -> None:
    measured = measured_by_rules(root)
    assert len(measured) > 40, "the rules' source is read as expected"
    assert measured - set(MEASURES) == set()
    assert set(MEASURES) - measured == {NOT_CALIBRATED}, "no name without a measure"
    assert all(zh and en for zh, en in MEASURES.values())
