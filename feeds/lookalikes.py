"""`lookalikes.csv`: pairs of enrolled people whom the matcher finds alike."""

from __future__ import annotations

from collections.abc import Collection

from checkpoints.lookalike import LookalikePair
from feeds.bundle_config import Matcher
from feeds.ledger import Reject
from feeds.passage_raw import Scale
from feeds.registers import Desk, Spec
from feeds.tables import Row

FILE = "lookalikes.csv"
_PEOPLE = ("person_id_a", "person_id_b")


def lookalikes_spec(scale: Scale) -> Spec[LookalikePair]:
    """The register's columns and rows; scores lie within the matcher's."""

    def pair(row: Row) -> LookalikePair:
        one, other = (row.person(column) for column in _PEOPLE)
        if one and one == other:
            row.refuse("bad-value", _PEOPLE[1], other, "is the same person as person_id_a", "two people")
        return LookalikePair.between(one, other, row.decimal("score", scale.lowest, scale.highest))

    return Spec(FILE, (*_PEOPLE, "score"), pair, required=False, about=_PEOPLE)


def read_lookalikes(desk: Desk, matcher: Matcher | None, staff: Collection[str]) -> tuple[LookalikePair, ...]:
    """The pairs of people on the staff list, by their ids, each once with its highest score; none without a file.

    `staff` are all who ever stood on the list. A pair with anybody else in it is refused (`not-enrolled`), and who it
    was is not told: nobody off the list has a place in the product.
    """
    register = desk.read(lookalikes_spec(Scale.of(matcher)))
    enrolled, best = frozenset(staff), dict[tuple[str, str], LookalikePair]()
    for pair, row in zip(register.items, register.rows, strict=True):
        people = (pair.person_id_a, pair.person_id_b)
        if not enrolled.issuperset(people):
            desk.ledger.account(FILE).kept -= 1
            desk.ledger.reject(FILE, Reject(FILE, row, "not-enrolled", "", ""))
        elif people not in best or best[people].score < pair.score:
            best[people] = pair
    return tuple(best[people] for people in sorted(best))
