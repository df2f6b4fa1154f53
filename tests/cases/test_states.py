"""The state machine: every state with every action."""

from __future__ import annotations

import pytest

from cases.deciding import REFUSALS
from cases.matter import SUBJECT_KINDS, SubjectKind
from cases.states import (
    ACTIONS,
    DECIDED,
    DISMISS_REASONS,
    DISPOSAL_FIELDS,
    DISPOSALS,
    FIELDS,
    STATES,
    TRANSITIONS,
    UNDECIDED,
    Action,
    DismissReason,
    DisposalKind,
    State,
    possible,
    transition,
)

# The machine once more, by hand: where each action leads ("." stays, "-" cannot be done there).
# Columns: new, assigned, verifying, awaiting-school, confirmed, dismissed, disposed, feedback, feedback-reviewed,
# closed, reopened, superseded.
COLUMNS = "N A V W C D P F R X O S"
TABLE = """
assign              A . . . - - - - - - A -
start-verifying     V V - V - - - - - - V -
ask-school          - - W - - - - - - - - -
answer              - - - V - - - - - - - -
confirm             - - C - - - - - - - - -
dismiss             - - D - - - - - - - - -
propose-suspension  - - - - . - . - . - - -
dispose             - - - - P - P - P - - -
give-feedback       - - - - - - F . F - - -
review-feedback     - - - - - - - R - - - -
close               - - - - X X X - X - - -
reopen              - - - - O O O O O O - -
uphold              - - - - . . . . . . - -
note                . . . . . . . . . . . .
pick                . . - - - - - - - - . -
open                - - - - - - - - - - - -
add-finding         . . . . . O . . . O . O
change-finding      . . . . . . . . . . . -
lose-finding        . . . . . . . . . . . -
supersede           S S S S - - - - - - S -
escalate            . . . . . . . . . - . -
pre-review          D - - - - - - - - - - -
"""
BY_LETTER = dict(zip(COLUMNS.split(), State, strict=True))
ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().splitlines()}


def test_the_states_are_these_twelve() -> None:
    assert [str(s) for s in State] == [
        "new", "assigned", "verifying", "awaiting-school", "confirmed", "dismissed", "disposed", "feedback",
        "feedback-reviewed", "closed", "reopened", "superseded",
    ]  # fmt: skip


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("state", list(State))
def test_an_action_leads_where_the_table_says(action: Action, state: State) -> None:
    told = ROWS[action][list(State).index(state)]
    step = transition(action, state)
    if told == "-":
        assert step is None
        assert action not in possible(state)
        return
    assert step is not None
    assert step.to_state is (None if told == "." else BY_LETTER[told])
    assert action in possible(state)


def test_the_table_of_this_test_names_every_action() -> None:
    assert set(ROWS) == set(Action)


def test_no_action_has_two_rows_for_one_state() -> None:
    places = [(row.action, state) for row in TRANSITIONS for state in row.from_states]
    assert len(places) == len(set(places))


def test_every_state_can_be_reached_from_new() -> None:
    reached = {State.NEW}
    while True:
        more = {t.to_state for t in TRANSITIONS if t.to_state and t.from_states & reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(State)


def test_from_every_state_a_case_can_still_come_to_its_end() -> None:
    ends = {State.CLOSED, State.SUPERSEDED}
    while True:
        more = {s for t in TRANSITIONS if t.to_state in ends for s in t.from_states} - ends
        if not more:
            break
        ends |= more
    assert ends == set(State)


def test_a_state_is_undecided_decided_or_superseded() -> None:
    assert UNDECIDED | DECIDED | {State.SUPERSEDED} == set(State)
    assert not UNDECIDED & DECIDED


def test_every_field_that_a_row_names_can_be_checked() -> None:
    named = {name for row in TRANSITIONS for name in (*row.required, *row.optional)}
    assert named == set(FIELDS)
    assert {name for names in DISPOSAL_FIELDS.values() for name in names} <= named


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("text", "why", ("", "  ", 3, "x" * 2001)),
        ("assignee", "li", ("", " li", "x" * 201, None)),
        ("points", 3, (0, -1, True, 1.5, "3")),
        ("days", 7, (0, -7, False, "7")),
        ("by_date", "2026-03-31", ("2026-02-30", "20260331", "soon", 20260331)),
        ("accepted", False, (0, "yes", None)),
        ("level", 3, (0, 4, True)),
        ("findings", {"F1": "confirmed"}, ({}, [], {1: "confirmed"})),
        ("by", "pre-review", ("li", "")),
    ],
)
def test_a_field_is_well_formed_or_not(field: str, good: object, bad: tuple[object, ...]) -> None:
    is_well_formed = FIELDS[field][0]
    assert is_well_formed(good)
    assert not any(is_well_formed(value) for value in bad)


def test_every_code_has_its_words_in_both_languages() -> None:
    tables: list[tuple[dict[str, tuple[str, str]], set[str]]] = [
        (dict(STATES), set(State)),
        (dict(ACTIONS), set(Action)),
        (dict(DISMISS_REASONS), set(DismissReason)),
        (dict(DISPOSALS), set(DisposalKind)),
        (dict(SUBJECT_KINDS), set(SubjectKind)),
        (REFUSALS, set(REFUSALS)),
    ]
    for words, codes in tables:
        assert set(words) == codes
        assert all(zh and en and zh != en for zh, en in words.values())
        assert len({zh for zh, _ in words.values()}) == len(words)
