"""Text from outside can be anything. It appears as text, and nothing of it ever runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.finding import Finding
from maps.index_map import write_index
from maps.vehicle_map import write_vehicle_map
from runs.clips import ClipTemplate
from tests.browser import Open, Opened
from tests.maps.filmed import spoilt_passages, spoilt_seen
from tests.maps.plausible import LOCAL, city_day, vehicle_day, zones
from zones.zone import Zone

RUN = "window.__pwned=1"
HOSTILE = (
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"${{{RUN}}}",
    f"`+({RUN})+`",
    f"'+({RUN})+'",
    f'"onmouseover="{RUN}" x="',
    f"<!--<script>{RUN}",
    f"</title><svg onload={RUN}>",
    "{{ 7 * 7 }}{% for a in (1, 2) %}{{ a }}{% endfor %}{{ ''.__class__ }}",
    f"javascript:{RUN}//",
    "\u2028\u2029\u0000\r\n\\\ud800 &lt;b&gt; &amp; {n} ]]>",
)
ALL = "".join(HOSTILE)
CLIPS = ClipTemplate.of("https://video.example/play/{camera_id}?from={from}#{to}")
LOG10 = dict.fromkeys(("log10_clone", "log10_tampered"), -1.0)


def spoilt(finding: Finding, evil: str) -> Finding:
    texts = (
        "finding_id",
        "content_digest",
        "rule",
        "rule_version",
        "vehicle_id",
        "plate",
        "school_id",
        "district",
        "zone_id",
        "session_id",
        "person_id",
        "trainee_id",
        "feed",
        "confidence_basis",
        "summary_zh",
        "summary_en",
    )
    evidence: dict[str, Any] = {
        "margins": {evil: 1.5, "b_m": evil},
        "excluded": [{"explanation": evil, "because": evil, "measured": 1.0, "needed": 2.0}, evil],
        evil: [evil, {evil: [[evil]]}],
        "seen": spoilt_seen(evil),
        "measured": {**LOG10, "explained_zh": evil, "explained_en": evil, "strength_zh": evil, "strength_en": evil},
    }
    return replace(
        finding,
        evidence=evidence,
        **{name: evil + finding.finding_id if name == "finding_id" else evil for name in texts},
    )


def spoilt_zone(zone: Zone, evil: str) -> Zone:
    evils = frozenset({evil})
    return replace(zone, zone_id=evil, name=evil, school_ids=evils, vehicle_classes=evils, approval_no=evil)


def write_hostile_index(folder: Path, evil: str) -> Path:
    day = city_day(8)
    return write_index(
        folder,
        replace(
            day,
            city=evil,
            run_id=evil,
            zones=tuple(spoilt_zone(z, evil) for z in day.zones),
            findings=tuple(spoilt(f, evil) for f in day.findings),
            schools={evil: evil},
            links={evil + day.findings[0].finding_id: "vehicles/V1.html"},
            not_assessed={evil: {evil: 3}},
            zone_hours={evil: evil},
            labels={"off-route": evil, evil: evil},
            person_label=lambda _: evil,
        ),
    )


def write_hostile_vehicle(folder: Path, evil: str) -> Path:
    day = vehicle_day()
    vehicle = replace(
        day.vehicle, vehicle_id=evil, plate=evil, school_id=evil, vehicle_class=evil, provider=evil, terminal_id=evil
    )
    sessions = tuple(
        replace(s, session_id=evil, instructor_id=evil, trainee_id=evil, zone_id=evil) for s in day.sessions
    )
    return write_vehicle_map(
        folder / "V1.html",
        replace(
            day,
            vehicle=vehicle,
            zones=tuple(spoilt_zone(z, evil) for z in day.zones),
            zone_hours={evil: evil},
            sessions=sessions,
            findings=tuple(spoilt(f, evil) for f in day.findings),
            source_of=lambda n: (evil, n),
            person_label=lambda _: evil,
            schools={evil: evil},
            labels={evil: evil, "b_m": evil},
            passages=spoilt_passages(evil),
            cameras={evil: (121.44, 31.22)},
            clip_of=lambda camera_id, shot_ms: CLIPS.url(camera_id, shot_ms, LOCAL),
        ),
    )


def visible(evil: str) -> str:
    """The text without NUL and with each run of blanks as one."""
    return re.sub(r"\s+", " ", evil.replace("\u0000", "")).strip()


def touch_everything(opened: Opened) -> None:
    """Open what can be opened, hover and click what can be hovered and clicked."""
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for entry in page.locator("#findings .entry").all()[:4]:
        entry.click()
    for mark in page.locator(".finding-mark, .cluster").all()[:3]:
        mark.hover(force=True)
        mark.click(force=True)
        page.wait_for_timeout(50)
    for passage in page.locator(".bar.passage, .passage-line:visible, .leaflet-marker-icon.passage").all()[:30:4]:
        passage.click(force=True)
        links = page.evaluate("[...document.querySelectorAll('a.clip')].map(a => a.href.split('play/')[0])")
        assert set(links) == {"https://video.example/"}
    page.locator(".leaflet-control-layers").hover()
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    for right, down in ((0.5, 0.5), (0.3, 0.4), (0.6, 0.3)):
        page.mouse.click(box["x"] + box["width"] * right, box["y"] + box["height"] * down)


@pytest.mark.parametrize("write", [write_hostile_index, write_hostile_vehicle])
@pytest.mark.parametrize("evil", [*HOSTILE, ALL])
def test_hostile_text_in_every_field_stays_text(open_page: Open, tmp_path: Path, write: Any, evil: str) -> None:
    file = write(tmp_path, evil)
    opened = open_page(file)
    touch_everything(opened)
    opened.assert_quiet(file)
    heading = re.sub(r"\s+", " ", opened.ask("document.querySelector('h1').textContent").replace("\u0000", "")).strip()
    assert heading == visible(evil)
    assert evil.strip("\u2028\u2029\u0000\r\n")[:5] in opened.ask("document.querySelector('#findings').textContent")
    assert opened.ask("document.querySelectorAll('img, iframe, object, embed, base').length") == 0
    assert opened.ask(
        "[...document.querySelectorAll('*')].every(n => ![...n.attributes].some(a => a.name.startsWith('on')))"
    )


def test_the_policy_stops_a_script_that_stands_in_the_page_all_the_same(open_page: Open, tmp_path: Path) -> None:
    file = write_index(tmp_path, city_day(0))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("</body>", f"<script>{RUN}</script></body>"), encoding="utf-8")
    opened = open_page(file)
    assert opened.ask("window.__pwned") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


def test_the_trap_would_catch_text_that_ran(open_page: Open, tmp_path: Path) -> None:
    file = write_index(tmp_path, city_day(0))
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", file.read_text(encoding="utf-8"))
    file.write_text(text.replace("</body>", f"<script>{RUN}</script></body>"), encoding="utf-8")
    assert open_page(file).ask("window.__pwned") == 1


@pytest.mark.parametrize("write", [write_hostile_index, write_hostile_vehicle])
def test_nothing_of_the_outside_stands_in_markup_or_code(tmp_path: Path, write: Any) -> None:
    text = write(tmp_path, ALL).read_text(encoding="utf-8")
    bare = re.sub(r'<script type="application/json" id="[a-z-]+">[^<>&]*</script>', "", text)
    assert "__pwned" not in bare.replace("&lt;", "<").split("</title>", 1)[1]
    assert bare.count("<script") == bare.count("</script>")
    title = re.search(r"<title>(.*?)</title>", text, flags=re.DOTALL)
    assert title is not None
    assert "<" not in title.group(1)


def test_a_zone_may_bear_braces_in_its_name(open_page: Open, tmp_path: Path) -> None:
    file = write_index(tmp_path, city_day(0, zones=zones("{{}} {{{{ 7 * 7 }}}}")))
    opened = open_page(file)
    assert "{{ 7 * 7 }}" in opened.ask("trajaudit.places.list[0].name")
    assert "49" not in opened.ask("trajaudit.places.list[0].name")
