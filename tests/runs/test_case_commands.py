"""`trajaudit case` and `trajaudit spot-check`, as people type them."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import typer
from typer.main import get_command

from cases.states import ACTIONS, DISPOSALS, STATES, Action, DismissReason
from runs import case_orders, case_texts
from runs.case_orders import conclusions, disposal
from runs.cli import app
from runs.cli_cases import case
from runs.cli_cases_after import after
from runs.cli_spot_checks import OUTCOMES, spot_check
from runs.spot_desk import Outcome
from store.casework import CaseChanged
from store.engine import StoreRefused
from tests.runs.conftest import ROOT, Answer
from tests.runs.filled_office import CARS, PAPER, Says

CAR, TWO, PERSON = CARS["wrong-zone"], CARS["two-findings"], CARS["person"]
CAUTION = "A finding is a reason to check, not a verdict."
PRINTED = {"\n", "\t"}


def name_of(command: Any) -> str:
    return command.name or command.callback.__name__.replace("_", "-")


APPS = {"case": (case, after), "spot-check": (spot_check,)}
MAIN = get_command(app)
COMMANDS = [(group, name_of(c)) for group, apps in APPS.items() for app in apps for c in app.registered_commands]


def told(answer: Answer) -> Any:
    assert (answer.code, answer.err) == (0, "")
    return answer.json()


def harmless(text: str) -> bool:
    return {c for c in text if not c.isprintable()} <= PRINTED


# ---------------------------------------------------------------- the whole way


def test_the_whole_way_as_people_type_it(says: Says) -> None:
    way = [
        ("zhao", ["assign", CAR, "li"], "assigned"),
        ("li", ["verify", CAR], "being verified"),
        ("li", ["ask-school", CAR, "--text", "Where was the car?"], "awaiting the school's answer"),
        ("school-1", ["answer", CAR, "--text", "At the other ground."], "being verified"),
        ("li", ["note", CAR, "--text", "They say it themselves."], "being verified"),
        ("li", ["confirm", CAR, "--seen", "6"], "confirmed"),
        (
            "wang",
            ["suspend-propose", CAR, "--days", "30", "--text", "third time", "--since", "2026-05-01"],
            "confirmed",
        ),
        ("zhao", ["dispose", CAR, "--suspend", "30", "--since", "2026-05-01"], "disposed, feedback due"),
        ("school-1", ["feedback", CAR, "--text", "We closed."], "feedback given, review due"),
        ("wang", ["review", CAR, "--reject", "--text", "for how long?"], "feedback reviewed"),
        ("school-1", ["feedback", CAR, "--text", "For a month."], "feedback given, review due"),
        ("wang", ["review", CAR], "feedback reviewed"),
        ("wang", ["close", CAR], "closed"),
        ("wang", ["reopen", CAR, "--text", "A witness came."], "being looked at again"),
        ("li", ["verify", CAR], "being verified"),
        ("li", ["dismiss", CAR, "--reason", "permitted", "--text", "The permit came late."], "dismissed"),
    ]
    for n, (name, words, state) in enumerate(way, 2):
        answer = says(name, "case", *words)
        assert (answer.code, answer.err) == (0, ""), words
        if state != "being looked at again":
            assert answer.out.startswith(f"Case {CAR}: {state}, {n} events.\n")
    shown = says("li", "case", "show", CAR).out
    assert "Ordered: suspension (" in shown
    assert "dismissed, it was permitted" in shown
    assert "\tThe permit came late.\n" in shown or ": The permit came late.\n" in shown
    assert "Possible now: note\n" in shown
    assert shown.endswith(CAUTION + "\n")


def test_who_proposed_a_suspension_does_not_order_it(sqlite_says: Says) -> None:
    for name, words in (("qian", ["verify", CAR]), ("qian", ["confirm", CAR])):
        assert sqlite_says(name, "case", *words).code == 0
    assert sqlite_says("zhao", "case", "suspend-propose", CAR, "--days", "9", "--text", "x").code == 0
    answer = sqlite_says("zhao", "case", "dispose", CAR, "--suspend", "9")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("a suspension is ordered by somebody else than who proposed it: zhao. Possible now: ")
    chinese = sqlite_says("zhao", "case", "dispose", CAR, "--suspend", "9", lang="zh")
    assert chinese.err.startswith("停业整改须由建议人以外的人批准")
    assert sqlite_says("sun", "case", "dispose", CAR, "--suspend", "8").code == 2
    assert "A suspension is proposed" in sqlite_says("sun", "case", "show", CAR).out


# ---------------------------------------------------------------- conclusions


def test_findings_are_confirmed_and_dismissed_apart(says: Says) -> None:
    assert says("qian", "case", "verify", TWO).code == 0
    track, plate = (f["finding_id"] for f in told(says("qian", "case", "show", TWO, "--json"))["findings"])
    left = says("qian", "case", "confirm", TWO, "--only", track)
    assert (left.code, plate in left.err) == (2, True)
    assert "a finding is not judged yet" in left.err
    for wrong, words in (
        (f"{plate}=other", "text that says why"),
        (f"{plate}=nonsense", "expected one of gps-error, "),
        (plate, "expected one of gps-error, "),
        ("F0=minor", "no such finding"),
    ):
        answer = says("qian", "case", "confirm", TWO, "--dismiss", wrong)
        assert (answer.code, words in answer.err) == (2, True), wrong
    done = told(says("qian", "case", "confirm", TWO, "--dismiss", f"{plate}=other:the plate was bent", "--json"))
    assert done["state"] == "confirmed"
    found = told(says("qian", "case", "show", TWO, "--json"))["findings"]
    assert [(f["status"], f["reason"]) for f in found] == [("confirmed", None), ("dismissed", "other")]
    table = told(says("zhao", "case", "precision", "--by", "rule,school", "--since", "2026-01-01", "--json"))
    assert [(r["rule"], r["school"], r["n"], r["share"]) for r in table if r["n"]] == [
        ("off-zone-training", "SCH02", 1, 1.0),
        ("plate-conflict", "SCH02", 1, 0.0),
    ]
    words = says("zhao", "case", "precision").out
    assert "100.0 %\t20.7–100.0 %" in words
    assert "other (to be explained) 1" in words


def test_to_dismiss_a_case_is_to_dismiss_all_of_it(sqlite_says: Says) -> None:
    for words in (["verify", TWO], ["confirm", TWO]):
        assert sqlite_says("qian", "case", *words).code == 0
    assert sqlite_says("zhao", "case", "reopen", TWO, "--text", "look again").code == 0
    assert sqlite_says("qian", "case", "verify", TWO).code == 0
    assert sqlite_says("qian", "case", "confirm", TWO).code == 0  # once more what was concluded
    assert sqlite_says("zhao", "case", "reopen", TWO, "--text", "look again").code == 0
    assert sqlite_says("qian", "case", "verify", TWO).code == 0
    answer = sqlite_says("qian", "case", "dismiss", TWO, "--reason", "other", "--text", "a test drive")
    assert (answer.code, answer.err) == (0, "")
    last = told(sqlite_says("qian", "case", "show", TWO, "--json"))["events"][-1]
    assert last["text"] == "a test drive"
    assert {json.dumps(v) for v in last["details"]["findings"].values()} == {
        '{"dismissed": "other", "text": "a test drive"}'
    }
    assert sqlite_says("qian", "case", "dismiss", TWO, "--reason", "because").code == 2


def test_exactly_one_thing_is_ordered(sqlite_says: Says) -> None:
    for words in ([], ["--points", "3", "--interview"], ["--suspend", "3", "--rectify-by", "2026-05-01"]):
        answer = sqlite_says("zhao", "case", "dispose", CAR, *words)
        assert (answer.code, "--points N, --interview, --rectify-by DATE or --suspend DAYS" in answer.err) == (2, True)
    assert disposal(None, True, None, None, None) == {"kind": "interview"}
    for words in (["verify", CAR], ["confirm", CAR]):
        assert sqlite_says("qian", "case", *words).code == 0
    done = told(sqlite_says("zhao", "case", "dispose", CAR, "--rectify-by", "2026-05-01", "--json"))
    assert (done["state"], done["due"]) == ("disposed", "2026-05-01")


def test_somebody_else_was_faster(sqlite_says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite_says("li", "case", "verify", CAR).code == 0
    answer = sqlite_says("li", "case", "confirm", CAR, "--seen", "1")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"Case {CAR} was changed meanwhile, and nothing was recorded: look at it again.\n"

    def overtaken(*arguments: Any) -> Any:
        raise CaseChanged("meanwhile")

    monkeypatch.setattr("runs.case_desk.record_events", overtaken)
    assert "was changed meanwhile" in sqlite_says("li", "case", "note", CAR, "--text", "x").err
    assert told(sqlite_says("li", "case", "show", CAR, "--json"))["n_events"] == 2


# ---------------------------------------------------------------- who may not


@pytest.mark.parametrize(
    "words",
    [
        ["case", "queue"],
        ["case", "list", "--all"],
        ["case", "show", CAR, "--reason", "x"],
        ["case", "findings", "--date", "2026-03-18"],
        ["case", "precision"],
        ["case", "note", CAR, "--text", "x"],
        ["spot-check", "list"],
        ["spot-check", "pick", "V0010", "--date", "2026-03-18", "--reason", "x"],
        ["spot-check", "decide", "V0013", "clean", "--date", "2026-03-18"],
        ["spot-check", "missed"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_who_has_no_right_is_denied_in_a_line(sqlite_says: Says, words: list[str]) -> None:
    denied = sqlite_says("root", *words)
    assert (denied.code, denied.out) == (2, "")
    assert denied.err.startswith("Account root may not do this (")
    assert len(denied.err.splitlines()) == 1
    stranger = sqlite_says("a-stranger", *words)
    assert (stranger.code, "a-stranger has no account" in stranger.err) == (2, True)
    last = told(sqlite_says("zhao", "log", "show", "--actor", "root", "--last", "1", "--json"))[0]
    assert (last["actor"], last["action"]) == ("root", "look-denied")


def test_about_a_person_only_with_a_reason(says: Says) -> None:
    denied = says("li", "case", "show", PERSON)
    assert (denied.code, denied.out) == (2, "")
    assert denied.err == "This case is about a person: say why you look (--reason TEXT).\n"
    shown = says("li", "case", "show", PERSON, "--reason", "complaint 7").out
    assert "About: person P00041\n" in shown
    assert "Confidence: 0.99" in shown
    assert "P00041" not in says("li", "case", "list").out
    assert "person #00" in says("li", "case", "list").out
    assert "P00041" not in says("li", "case", "findings", "--date", "2026-03-18").out
    assert "person P00041" in says("li", "case", "findings", "--date", "2026-03-18", "--reason", "complaint 7").out
    last = told(says("zhao", "log", "show", "--subject", "P00041", "--json"))
    assert [(e["actor"], e["reason"]) for e in last[:-1]] == [
        ("li", f"{PERSON}: complaint 7"),
        ("li", "complaint 7"),
    ]


# ---------------------------------------------------------------- what is said


def test_the_queue_is_shown_with_what_waits(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJAUDIT_CASES__CAPACITY", "3")
    shown = says("zhao", "case", "queue").out
    assert shown.startswith("To look into today\nRank\tDays waiting\t")
    today, _, waiting = shown.partition("Waiting\nRank")
    assert len([line for line in today.splitlines() if re.match(r"\d", line)]) == 3
    assert len([line for line in waiting.splitlines() if re.match(r"\d", line)]) == 10
    assert "not looked at" in waiting  # the night was long ago
    assert "In the whole city: 3 today of a capacity of 3, 10 waiting, 10 of them not looked at on their day." in shown
    assert shown.endswith(CAUTION + "\n")
    assert says("zhao", "case", "pick", CARS["feed"], "--text", "it concerns all").code == 0
    assert told(says("zhao", "case", "queue", "--json"))["today"][0]["case_id"] == CARS["feed"]


def test_a_list_is_of_what_was_asked_for(sqlite_says: Says) -> None:
    assert len(told(sqlite_says("zhao", "case", "list", "--json"))) == 13
    assert len(told(sqlite_says("zhao", "case", "list", "--all", "--json"))) == 14
    assert told(sqlite_says("zhao", "case", "list", "--date", "2026-03-17", "--json")) == []
    assert len(told(sqlite_says("zhao", "case", "list", "--state", "dismissed", "--json"))) == 1
    unknown = sqlite_says("zhao", "case", "list", "--state", "guilty")
    assert (unknown.code, "expected one of new, assigned" in unknown.err) == (2, True)


def test_what_pre_review_closed_says_that_no_person_looked(sqlite_says: Says) -> None:
    shown = sqlite_says("li", "case", "show", CARS["pre-reviewed"]).out
    assert f"by the office's list, {PAPER}; no person looked" in shown
    assert "by pre-review, no person looked" in shown


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hostile_text_is_shown_harmless(sqlite_says: Says, lang: str) -> None:
    notes = [
        "=HYPERLINK(0)",
        "\x1b[31mred\x1b]0;owned\x07",
        "<script>alert(1)</script>",
        "\u202eabc\x9b2J",
        "a\nb\tc\r\x00",
    ]
    for text in notes[:-1]:
        assert sqlite_says("li", "case", "note", CAR, "--text", text).code == 0
    assert sqlite_says("li", "case", "note", CAR, "--text", "+1\nCase C: closed\t=2").code == 0
    shown = sqlite_says("li", "case", "show", CAR, lang=lang).out
    assert harmless(shown)
    cells = [line.split("\t")[-1] for line in shown.splitlines() if re.match(r"[2-6]\t", line)]
    assert cells[0] == "'=HYPERLINK(0)"
    assert cells[2] == "<script>alert(1)</script>"  # a terminal makes nothing of it, and a page escapes it
    assert cells[4].startswith("'+1 Case C: closed")
    raw = sqlite_says("li", "case", "show", CAR, "--json").out
    assert harmless(raw)
    assert [e["text"] for e in json.loads(raw)["events"]][1:5] == notes[:-1]
    nul = sqlite_says("li", "spot-check", "decide", "V0013", "unclear", "--date", "2026-03-18", "--note", notes[-1])
    assert (nul.code, harmless(nul.err)) == (2, True)


def test_spot_checks_as_people_type_them(says: Says) -> None:
    day = ["--date", "2026-03-18"]
    span = ["--from", "2026-03-01", "--to", "2026-03-31"]
    assert says("li", "spot-check", "decide", "V0013", "clean", *day).code == 0
    seen = says("li", "spot-check", "decide", "V0015", "violation", *day, "--note", "=taught on the ring road")
    assert "\tnot as approved, seen by a person\tli\t'=taught on the ring road\n" in seen.out
    unknown = says("li", "spot-check", "decide", "V0013", "guilty", *day)
    assert (unknown.code, "expected one of clean, " in unknown.err) == (2, True)
    picked = told(says("li", "spot-check", "pick", "V0010", *day, "--reason", "complaint 7", "--json"))
    assert picked["picked_by"] == "li"
    listed = says("zhao", "spot-check", "list", *span).out
    assert "V0010\tSCH01\tpicked by li: complaint 7\tto be looked at" in listed
    assert "V0014\tSCH02\tdrawn, chance 100.0 %\tto be looked at" in listed
    assert [c["vehicle_id"] for c in told(says("zhao", "spot-check", "list", *span, "--undecided", "--json"))] == [
        "V0010", "V0014"
    ]  # fmt: skip
    assert says("zhao", "spot-check", "list").out.count("\n") == 3  # the last night: nothing
    missed = says("zhao", "spot-check", "missed", *span).out
    assert "2 random checks decided, 1 of them not as approved, 1 not decided" in missed
    assert "Missed: 50.0 % of unsuspected vehicle-days, at most 97.5 % (confidence: 95 %)." in missed
    assert "They speak of 2 of 3 vehicle-days. Picked by hand, in no estimate: 1." in missed
    left = says("liu", "spot-check", "missed", *span).out
    assert "Nothing can be said yet" in left
    assert "2 checks lie where this account does not see everything" in left
    assert says("zhao", "spot-check", "missed", "--from", "2026-03-31", "--to", "2026-03-01").code == 2


def test_nothing_is_told_where_nothing_is(sqlite_says: Says) -> None:
    assert sqlite_says("zhao", "case", "show", "C" + "0" * 20).err == f"There is no case C{'0' * 20}.\n"
    assert "A case's number is C and 20 digits" in sqlite_says("zhao", "case", "show", "7").err
    assert told(sqlite_says("zhao", "case", "findings", "--json")) == []
    assert told(sqlite_says("zhao", "case", "precision", "--since", "2027-01-01", "--json")) == []
    assert "some of rule, school, provider, month" in sqlite_says("zhao", "case", "precision", "--by", "person").err


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(("group", "command"), COMMANDS, ids=lambda word: word)
def test_every_page_has_an_example_that_uses_options_of_its_own(group: str, command: str) -> None:
    found = MAIN.commands[group].commands[command]
    page = " ".join(found.get_help(typer.Context(found, info_name=command)).split())
    shown = re.search(r"(?:示例|Example): trajaudit (.*?) (?:参数|选项|Arguments|Options):", page)
    assert shown, page
    words = shlex.split(shown.group(1))
    assert words[:2] == [group, command]
    options = re.split("选项:|Options:", page)[1]
    assert [word for word in words if word.startswith("--") and f"{word} " not in options] == []
    assert {"--settings", "--lang", "--json"} <= set(options.split())


@pytest.mark.parametrize("page", ["work-a-case.md", "draw-spot-checks.md"])
def test_a_recipe_names_commands_and_options_that_exist(page: str) -> None:
    text = (ROOT / "docs" / "recipes" / page).read_text(encoding="utf-8")
    shown = [words.split() for words in re.findall(r"`trajaudit ((?:case|spot-check) [^`]*)`", text)]
    assert len(shown) >= 4
    for group, name, *words in shown:
        assert (group, name) in COMMANDS
        options = {o for p in MAIN.commands[group].commands[name].params for o in p.opts}
        assert {word for word in words if word.startswith("--")} <= options
    all_options = {o for g, n in COMMANDS for p in MAIN.commands[g].commands[n].params for o in p.opts}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= all_options


def test_every_action_of_people_has_its_command() -> None:
    commands = {name for group, name in COMMANDS if group == "case"}
    by_people = list(Action)[: list(Action).index(Action.OPEN)]
    assert {case_texts.COMMANDS.get(action, str(action)) for action in by_people} <= commands


def test_codes_have_words_in_both_languages() -> None:
    for lang in ("zh", "en"):
        for table in (STATES, ACTIONS, DISPOSALS):
            assert all(case_texts.worded(pair, lang) for pair in table.values())
        assert all(case_texts.severity_words(code, lang) for code in ("notice", "minor", "major", "critical"))
        assert all(case_texts.outcome_words(code, lang) for code in (None, *Outcome))
    assert list(OUTCOMES) == list(Outcome)


def test_conclusions_are_said_finding_by_finding() -> None:
    with pytest.raises(StoreRefused, match="because"):
        conclusions(Action.DISMISS, None, (), (), "because")
    assert case_orders._dismissed("minor", None) == {"dismissed": str(DismissReason.MINOR)}
