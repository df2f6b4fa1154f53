"""What can be set, as a page of docs and as it stands: every value with its name in the file and in the environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from runs.settings import PREFIX, SETTINGS_VARIABLE, Settings, read_settings
from runs.show import one_line, table
from runs.words import say

HEAD = """# Settings

One TOML file, named by `--settings` or `{variable}`. A value of the environment wins over the file's. Paths in the
file count from the file's own place. Made by `trajaudit settings --markdown`.
"""
HEADER = "| name | default | in the environment | what |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Line:
    """One value that can be set."""

    group: str
    name: str
    field: FieldInfo

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"{PREFIX}{self.group}__{self.name}".upper()

    @property
    def default(self) -> str:
        """Its default as it would be written in the file; blank where it is not set."""
        return plain(self.field.get_default(call_default_factory=True))


def lines() -> Iterator[Line]:
    """Yield every value that can be set, in the order of the settings."""
    for group, held in Settings.model_fields.items():
        kind = held.annotation
        assert isinstance(kind, type), "every group is a model of its own"
        assert issubclass(kind, BaseModel), "every group is a model of its own"
        for name, info in kind.model_fields.items():
            yield Line(group, name, info)


def plain(value: Any) -> str:
    """Return a value as it is shown; a secret never is."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, tuple):
        return json.dumps([str(v) for v in value])
    if isinstance(value, dict):
        return json.dumps(value) if value else "{}"
    return str(value)


def markdown() -> str:
    """Return docs/SETTINGS.md."""
    out = [HEAD.format(variable=SETTINGS_VARIABLE)]
    group = None
    for line in lines():
        if line.group != group:
            group = line.group
            about = (getattr(Settings.model_fields[group].annotation, "__doc__", "") or "").strip()
            out.append(
                f"\n## [{group}]\n\n{about}\n\n| name | default | in the environment | what |\n|---|---|---|---|"
            )
        default = f"`{line.default}`" if line.default else "–"
        out.append(f"| `{line.name}` | {default} | `{line.variable}` | {line.field.description} |")
    return "\n".join(out) + "\n"


def show_settings(path: Path | None, lang: str, as_json: bool, as_markdown: bool) -> None:
    """Print what is set; secrets are hidden."""
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    settings = read_settings(path)
    rows = [[f"{n.group}.{n.name}", plain(getattr(getattr(settings, n.group), n.name)), n.variable] for n in lines()]
    if as_json:
        typer.echo(json.dumps({name: value for name, value, _ in rows}, ensure_ascii=False))
        return
    header = [say("Setting", lang), say("Value", lang), say("In the environment", lang)]
    table(say("Settings", lang), header, [[one_line(cell) or "–" for cell in row] for row in rows])
