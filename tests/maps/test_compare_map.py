"""The map of two runs: what is new, gone or changed, each in its way, and nothing but that at first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shapely import LineString, Point

from audit.causes import Basis, Cause
from audit.compare import Answers, Comparison, compare
from audit.finding import Finding, Severity
from maps.compare_map import CompareDay, render_compare
from tests.browser import Open, Opened
from tests.maps.plausible import DAY, LOCAL, finding, lonlat, person_label, zones
from tests.maps.test_hostile_text import ALL, HOSTILE, spoilt, spoilt_zone, visible

NINE_MS = LOCAL.service_day(DAY).start_ms + 5 * 3_600_000
HOUR_MS = 3_600_000


def line(north_m: float, east_m: float = 0) -> LineString:
    return LineString(lonlat([(east_m, north_m), (east_m + 600, north_m)]))


def one(rule: str, k: int, **more: Any) -> Finding:
    start = NINE_MS + k * HOUR_MS
    given = {"geometry": line(200 * k), "person_id": "P-007", "plate": f"沪B{k}学", "evidence": {}, **more}
    return finding(rule, Severity.MAJOR, start, start + HOUR_MS, **given)


def comparison() -> Comparison:
    """One matter of each kind: off-route gone, wrong-zone new, signal-gap changed, out-of-hours unchanged."""
    gap, late = one("signal-gap", 2), one("out-of-hours", 3)
    moved = replace(gap, geometry=line(450), content_digest="e")
    basis = Basis("a" * 64, {})
    before = Answers(DAY, (one("off-route", 0), gap, late), (), basis)
    return compare(before, Answers(DAY, (one("wrong-zone", 1), moved, late), (), basis))


def day(**more: Any) -> CompareDay:
    values: dict[str, Any] = {
        "before": "out/a",
        "after": "out/b",
        "local": LOCAL,
        "comparison": comparison(),
        "what": lambda m: [f"P-007: {c.field}" for c in m.changes],
        "why": lambda m: [f"{c.code} {c.what}" for c in m.causes],
        "zones": zones(),
        "zone_hours": {"G1": "08:00–18:00"},
        "schools": {"S1": "东方驾校"},
        "person_label": person_label,
    }
    return CompareDay(**{**values, **more})


def write(folder: Path, given: CompareDay, lang: str = "zh") -> Path:
    file = folder / "differences.html"
    file.write_text(render_compare(given, lang), encoding="utf-8", newline="\n")
    return file


def listed(opened: Opened) -> list[str]:
    return opened.ask("trajaudit.compare.state().shown.map(id => id.slice(2).replace(/-\\d+$/, ''))")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_map_opens_without_a_network_and_shows_what_differs_first(
    open_page: Open, tmp_path: Path, lang: str
) -> None:
    file = write(tmp_path, day(), lang)
    opened = open_page(file)
    opened.assert_quiet(file)
    assert listed(opened) == ["wrong-zone", "off-route", "signal-gap"]
    said = opened.page.locator("#side").inner_text()
    assert ("新增 (1)" if lang == "zh" else "new (1)") in said
    assert ("不变 (1)" if lang == "zh" else "unchanged (1)") in said
    assert "violation" not in said.lower()


def test_a_finding_that_did_not_change_is_shown_when_it_is_asked_for(open_page: Open, tmp_path: Path) -> None:
    opened = open_page(write(tmp_path, day()))
    opened.page.check("[name=status][value=unchanged]")
    opened.page.uncheck("[name=status][value=gone]")
    assert listed(opened) == ["wrong-zone", "signal-gap", "out-of-hours"]
    opened.page.fill("#by-text", "沪b2")
    assert listed(opened) == ["signal-gap"]
    opened.page.fill("#by-text", "")
    opened.page.select_option("#by-rule", "wrong-zone")
    assert listed(opened) == ["wrong-zone"]


def colours(opened: Opened) -> set[str]:
    """Colours that stand on the canvas of differences."""
    return set(
        opened.ask(
            """() => {
              const canvas = document.querySelector('.leaflet-differences-pane canvas');
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data, seen = {};
              for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 250)
                seen['#' + [0, 1, 2].map(k => data[i + k].toString(16).padStart(2, '0')).join('')] = 1;
              return Object.keys(seen);
            }"""
        )
    )


NEW, GONE, CHANGED = "#c04a00", "#0072b2", "#7b3294"


def test_each_status_has_its_own_colour_on_the_map_and_in_the_legend(open_page: Open, tmp_path: Path) -> None:
    opened = open_page(write(tmp_path, day(), "en"))
    opened.page.wait_for_timeout(200)
    assert {NEW, GONE, CHANGED} <= colours(opened)
    opened.page.uncheck("[name=status][value=gone]")
    opened.page.wait_for_timeout(200)
    assert colours(opened) & {NEW, GONE, CHANGED} == {NEW, CHANGED}
    legend = opened.page.locator(".legend").inner_text()
    for words in ("+ new", "− gone", "≠ changed", "as it was before"):
        assert words in legend


def test_a_choice_in_the_list_shows_what_changed_beside_the_place(open_page: Open, tmp_path: Path) -> None:
    opened = open_page(write(tmp_path, day(), "en"))
    opened.page.locator("#findings .entry").nth(2).click()
    popup = opened.page.locator(".leaflet-popup-content").inner_text()
    assert "changed" in popup
    assert "geometry" in popup
    assert "unknown" in opened.page.locator("#findings li").nth(2).inner_text()
    assert opened.ask("trajaudit.compare.state().chosen").startswith("F-signal-gap")


def test_a_former_outline_is_drawn_and_named_where_a_place_moved(open_page: Open, tmp_path: Path) -> None:
    opened = open_page(write(tmp_path, day(former=zones()[:1]), "en"))
    assert "Former outline" in opened.page.locator(".legend").inner_text()
    plain = open_page(write(tmp_path, day(), "en"))
    assert "Former outline" not in plain.page.locator(".legend").inner_text()


def test_a_matter_without_a_place_or_at_one_point_is_listed_like_any_other(open_page: Open, tmp_path: Path) -> None:
    basis = Basis("a" * 64, {})
    found = (one("ghost-session", 0, geometry=None), one("signal-gap", 1, geometry=Point(lonlat([(0.0, 0.0)])[0])))
    file = write(tmp_path, day(comparison=compare(Answers(DAY, (), (), basis), Answers(DAY, found, (), basis))), "en")
    opened = open_page(file)
    opened.assert_quiet(file)
    assert len(listed(opened)) == 2
    assert "Without a place on the map" in opened.page.locator("#findings li").nth(0).inner_text()
    for entry in opened.page.locator("#findings .entry").all():
        entry.click()
    opened.assert_quiet(file)


def test_two_runs_that_say_the_same_are_said_to(open_page: Open, tmp_path: Path) -> None:
    nothing = Answers(DAY, (), (), Basis("a" * 64, {}))
    file = write(tmp_path, day(comparison=compare(nothing, nothing), zones=()), "en")
    opened = open_page(file)
    assert "Both runs say the same." in opened.page.locator("#side").inner_text()
    opened.assert_quiet(file)


def test_people_appear_by_role_and_pseudonym_only(tmp_path: Path) -> None:
    text = write(tmp_path, day()).read_text(encoding="utf-8")
    assert "P-007" not in text
    assert person_label("P-007") in text
    unnamed = write(tmp_path, day(person_label=None), "en").read_text(encoding="utf-8")
    assert "P-007" not in unnamed
    assert "a person" in unnamed


def hostile_day(evil: str) -> CompareDay:
    found = comparison()
    matters = tuple(
        replace(
            m,
            before=None if m.before is None else spoilt(m.before, evil),
            after=None if m.after is None else spoilt(m.after, evil),
            causes=(Cause("unknown", evil, evil, evil),),
        )
        for m in found.matters
    )
    return day(
        before=evil,
        after=evil,
        comparison=replace(found, matters=matters),
        what=lambda _: [evil],
        why=lambda _: [evil, evil],
        zones=tuple(spoilt_zone(z, evil) for z in zones()),
        former=tuple(spoilt_zone(z, evil) for z in zones()),
        zone_hours={evil: evil},
        schools={evil: evil},
        labels={evil: evil, "off-route": evil},
        person_label=lambda _: evil,
    )


@pytest.mark.parametrize("evil", [*HOSTILE, ALL])
def test_hostile_text_in_every_field_stays_text(open_page: Open, tmp_path: Path, evil: str) -> None:
    file = write(tmp_path, hostile_day(evil))
    opened = open_page(file)
    opened.page.check("[name=status][value=unchanged]")
    for entry in opened.page.locator("#findings .entry").all():
        entry.click()
    opened.assert_quiet(file)
    heading = re.sub(r"\s+", " ", opened.ask("document.querySelector('h1').textContent").replace("\u0000", "")).strip()
    assert heading == visible(f"{evil} → {evil}")
    assert opened.ask("document.querySelectorAll('img, iframe, object, embed, base').length") == 0
    assert opened.ask(
        "[...document.querySelectorAll('*')].every(n => ![...n.attributes].some(a => a.name.startsWith('on')))"
    )


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    assert render_compare(day()) == render_compare(day())


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="speak zh and en"):
        render_compare(day(), "fr")
