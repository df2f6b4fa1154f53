"""Measures the whole audit beside merely reading the same columns of the same Parquet file (`make bench`).

For fleets of 200 and 1,000 cars (a fix every 5 s, 8 h, one `parquet` feed) each round runs two fresh processes: one
reads the six columns row group by row group, one audits (bundle, night facts, rules, reports, maps). Seconds are
processor seconds of the process; its start (imports, loading compiled kernels: measured by auditing 20 cars first) and
compilation are stated apart. The ratio is the median over rounds of one run, so a busy machine does not matter much.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATE = "2026-03-18"
COLUMNS = ["terminal_id", "time", "lon", "lat", "speed_kmh", "heading_deg"]


def main() -> None:
    """Run the benchmark, or one measured child process of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cars", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--datum", default="wgs84", choices=["wgs84", "gcj02", "bd09"])
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "BUNDLE", "WARM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        what, bundle, warm = options.child
        print(json.dumps(_read(Path(bundle)) if what == "read" else _audit(Path(bundle), warm)))
        return
    figures = _measure(options.cars, options.rounds, options.datum)
    _show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def _measure(cars: list[int], rounds: int, datum: str) -> dict[str, Any]:
    out: dict[str, Any] = {"datum": datum, "fleets": {}}
    with tempfile.TemporaryDirectory(dir=ROOT / "out" if (ROOT / "out").is_dir() else None) as folder:
        tiny = _fleet(Path(folder), 20, datum)
        out["start"] = _run("audit", tiny, cold=Path(folder) / "numba")
        out["again"] = _run("audit", tiny)
        for n in cars:
            bundle = _fleet(Path(folder), n, datum)
            pairs = [(_run("read", bundle), _run("audit", bundle, warm=tiny)) for _ in range(rounds)]
            read = statistics.median(r["cpu_s"] for r, _ in pairs)
            audit = statistics.median(a["cpu_s"] for _, a in pairs)
            out["fleets"][n] = {
                "fixes": pairs[0][0]["fixes"],
                "file_mb": pairs[0][0]["file_mb"],
                "read_cpu_s": read,
                "audit_cpu_s": audit,
                "ratio": statistics.median(a["cpu_s"] / r["cpu_s"] for r, a in pairs),
                "fixes_per_cpu_s": pairs[0][0]["fixes"] / audit,
                "read_peak_mb": max(r["peak_mb"] for r, _ in pairs),
                "audit_peak_mb": max(a["peak_mb"] for _, a in pairs),
                "findings": pairs[0][1]["findings"],
                "stages_s": pairs[-1][1]["stages_s"],
            }
    return out


def _fleet(folder: Path, n: int, datum: str) -> Path:
    bundle = folder / f"fleet-{n}"
    command = [sys.executable, "-m", "sample_data.bench_fleet", str(n), str(bundle), "--datum", datum]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return bundle


def _run(what: str, bundle: Path, cold: Path | None = None, warm: Path | None = None) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if cold is not None:
        environment["NUMBA_CACHE_DIR"] = str(cold)
    command = [sys.executable, str(Path(__file__).resolve()), "--child", what, str(bundle), str(warm or "")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _read(bundle: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq  # noqa: PLC0415 -- a child imports only what it measures

    path = next((bundle / "tracks").glob("*/*.parquet"))
    began = time.process_time()
    file = pq.ParquetFile(path)
    rows = 0
    for group in range(file.num_row_groups):
        rows += file.read_row_group(group, columns=COLUMNS, use_threads=False).num_rows
    return {
        "cpu_s": time.process_time() - began,
        "fixes": rows,
        "file_mb": path.stat().st_size / 1e6,
        "peak_mb": _peak_mb(),
    }


def _audit(bundle: Path, warm: str) -> dict[str, Any]:
    from datetime import date  # noqa: PLC0415

    from runs.audit_run import Job, run_audit  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as out:
        if warm:
            run_audit(Job(Path(warm), date.fromisoformat(DATE), Path(out) / "warm"))
        started = time.process_time()
        outcome = run_audit(Job(bundle, date.fromisoformat(DATE), Path(out) / "out"))
    spent = time.process_time() - started
    return {
        "start_cpu_s": started,
        "cpu_s": spent,
        "peak_mb": _peak_mb(),
        "findings": dict(outcome.record.findings),
        "stages_s": {k: round(v, 2) for k, v in outcome.record.seconds.items()},
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _show(figures: dict[str, Any]) -> None:
    cold, again = figures["start"], figures["again"]
    print(f"feed datum: {figures['datum']}; processor seconds")
    print(f"first run ever (20 cars), compiling: {cold['cpu_s'] + cold['start_cpu_s']:.1f} s of the whole process")
    print(f"the same from the compiled cache: {again['cpu_s'] + again['start_cpu_s']:.2f} s of the whole process")
    for n, f in figures["fleets"].items():
        print(f"{n} cars, {f['fixes']:,} fixes, {f['file_mb']:.0f} MB")
        print(f"  reading     {f['read_cpu_s']:6.2f} s, peak {f['read_peak_mb']:5.0f} MB")
        print(f"  whole audit {f['audit_cpu_s']:6.2f} s, peak {f['audit_peak_mb']:5.0f} MB")
        print(f"  {f['ratio']:.1f} times the reading; {f['fixes_per_cpu_s'] / 1e6:.2f} M fixes per processor second")
        print(f"  stages (wall): {f['stages_s']}")
        print(f"  findings: {f['findings']}")


if __name__ == "__main__":
    main()
