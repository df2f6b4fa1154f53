"""What `trajaudit report` does: the report that `/v1/reports` gives the same account, as a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from reports.night_html import night_page
from reports.one_file import whole_file
from reports.plain import json_text, plain
from runs.case_orders import Asked
from runs.night_numbers import night_report
from runs.night_page import night_report_page
from runs.night_reader import NightReader
from runs.who import look
from runs.words import say
from store.engine import StoreRefused
from trajectories.clock import LocalTime


def write_report(path: Path | None, service_date: date, out: Path, lang: str) -> None:
    """Write a night's report; the look is written down first.

    Raises `NotAllowed`, `StoreRefused` where nothing is told of the night, `OutRefused` where OUT cannot be written.
    """
    with Asked(path, lang, as_json=False).desk() as (store, actor, settings):
        reader, local = NightReader(actor), LocalTime(settings.nightly.timezone)
        look(store, actor, "night" if reader.reads_findings else "case", f"{service_date} report night")
        with store.reading() as session:
            told = night_report(session, local, store.clock(), service_date, reader)
    if told is None:
        text = say("There is no report of {date} for you: no answers of an audit stand, or none concerns you.")
        raise StoreRefused(text.format(date=service_date.isoformat()))
    if out.suffix.lower() == ".json":
        content = (json_text(plain(told, "report"), indent=2) + "\n").encode()
    else:
        content = night_page(night_report_page(told, lang))
    with whole_file(out, out.suffix) as file:
        file.write_bytes(content)
