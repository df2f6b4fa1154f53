"""What a process of its own does with GDAL: pyogrio holds Python's lock while it waits for a server of ours."""

from __future__ import annotations

import warnings
from typing import Any

import pyogrio


def send_headers(file: str | None) -> None:
    """Have GDAL send the headers that a file holds with every request."""
    pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": file, "GDAL_HTTP_TIMEOUT": "20"})


def layers(address: str) -> list[str]:
    return [name for name, _ in pyogrio.list_layers(address)]


def read(address: str, options: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pyogrio gives no M: it drops what GDAL read, and says so
        return pyogrio.read_dataframe(address, **options)
