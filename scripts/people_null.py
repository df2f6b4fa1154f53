"""False findings about persons on made nights, per 10,000 vehicle-days; with violations FDR and power.

    python scripts/people_null.py --vehicle-days 300000
    python scripts/people_null.py --vehicle-days 60000 --substituted 1e-3
    python scripts/people_null.py --world small --vehicle-days 30000

The nights are made by tests/checkpoints/night_sim.py, which is not the model that judges them. The model is learnt
from the first night without labels, as in use.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scipy.stats import beta, chi2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from checkpoints.score_fit import Fitted
from tests.checkpoints.night_sim import Made
from tests.checkpoints.tally import EDGES, WORLDS, Tally, merged, tally


def interval(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate per 10,000."""
    low = chi2.ppf(0.025, 2 * k) / 2 if k else 0.0
    return 1e4 * low / n, 1e4 * chi2.ppf(0.975, 2 * k + 2) / 2 / n


def report(one: Tally, fitted: Fitted) -> None:
    """Print what was found."""
    model = fitted.model
    print(
        f"model: impostor {_short(model.impostor)}, genuine {_short(model.genuine)}, poor {model.poor_share:.3f}, ",
        end="",
    )
    print(f"odd {model.odd_share:.1e}, trusted {model.trusted} {model.why}")
    print(
        f"vehicle-days {one.vehicle_days:,}, lessons {one.lessons:,}, given by a wrong enrolled person {one.guilty:,}"
    )
    low, high = interval(one.wrong, one.vehicle_days)
    rate = 1e4 * one.wrong / one.vehicle_days
    print(f"false findings {one.wrong}: {rate:.3f} per 10,000 vehicle-days (95 %: {low:.3f} to {high:.3f})")
    n = one.right + one.wrong
    if n:
        upper = beta.ppf(0.975, one.wrong + 1, n - one.wrong) if one.right else 1.0
        print(f"findings {n}, false discovery rate {100 * one.wrong / n:.2f} % (95 % upper {100 * upper:.2f} %)")
    if one.guilty:
        print(f"power {100 * one.right / one.guilty:.1f} %")
    print(f"leads right {one.leads_right}, wrong {one.leads_wrong}")
    for i, edge in enumerate(EDGES):
        yes, no = one.bins[i, True], one.bins[i, False]
        print(f"  posterior up to {edge}: {yes} true, {no} not")
    for verdict in one.false[:12]:
        print("  ", verdict)


def _short(values: tuple[float, ...]) -> str:
    return "/".join(f"{v:.3f}" for v in values)


def main() -> None:
    """Run the nights named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicle-days", type=int, default=300_000)
    parser.add_argument("--world", choices=sorted(WORLDS), default="base")
    parser.add_argument("--substituted", type=float, default=0.0, help="share given by a wrong enrolled person")
    parser.add_argument("--prior", type=float, default=1e-3, help="what the model is told of that share")
    parser.add_argument("--told-wrong-car", type=float, default=4e-4)
    parser.add_argument("--trust", action="store_true", help="use the model even where it says that it does not fit")
    parser.add_argument("--level", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=1, help="cities; the vehicle-days are shared among them")
    args = parser.parse_args()
    began = time.monotonic()
    total, fitted = Tally(), None
    for seed in range(1, args.seeds + 1):
        made = Made(seed=seed, **WORLDS[args.world], substituted=args.substituted, told_wrong_car=args.told_wrong_car)
        part, fitted = tally(made, args.vehicle_days // args.seeds, args.level, args.prior, trusted=args.trust or None)
        total = merged(total, part)
    assert fitted is not None
    report(total, fitted)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
