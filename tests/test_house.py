"""The house rules: floors, names, purity, size, locks, and that each of them bites."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from runs.guard import PACKAGES, check_packages_are_ours

ROOT = Path(__file__).resolve().parent.parent
BESIDE_THE_PACKAGES = {".ci", "docs", "sample_data", "scripts", "tests"}
INSIDE = tuple(name for name in ("geo", "trajectories", "zones", "checkpoints", "audit", "cases") if name in PACKAGES)
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60


@cache
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def repository_files() -> list[Path]:
    """Every file that git tracks or would track, relative to the root."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    paths = (Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name)
    return sorted(path for path in paths if (ROOT / path).is_file())


STEPS = ROOT / "store" / "migrations" / "versions"
"""Written by a program, and never changed: as long as the schema is."""


def modules(packages: tuple[str, ...]) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


# ---------------------------------------------------------------- names


def test_every_top_level_folder_is_on_the_list() -> None:
    folders = {path.parts[0] for path in repository_files() if len(path.parts) > 1}
    assert folders - set(PACKAGES) <= BESIDE_THE_PACKAGES


def test_every_list_of_packages_names_the_same_packages() -> None:
    tool = pyproject()["tool"]
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")} - BESIDE_THE_PACKAGES
    assert on_disk == set(PACKAGES)
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == on_disk
    assert set(tool["importlinter"]["root_packages"]) == on_disk
    assert set(tool["pytest"]["ini_options"]["testpaths"]) - {"tests"} == on_disk
    assert set(tool["mypy"]["files"]) - BESIDE_THE_PACKAGES == on_disk


def test_each_package_is_ours_and_not_a_namesake() -> None:
    check_packages_are_ours(root=ROOT)


def run_with_namesake(stray: Path, program: str) -> subprocess.CompletedProcess[str]:
    search_path = os.pathsep.join([str(stray), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": search_path, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=stray, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "runs"])
def test_the_guard_refuses_a_namesake(tmp_path: Path, package: str) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    answer = run_with_namesake(tmp_path, "from runs.guard import check_packages_are_ours as check; check()")
    assert answer.returncode != 0
    assert f"{package}: expected {ROOT / package}, found {tmp_path / package}" in answer.stderr
    assert len(re.findall(r"expected .* found", answer.stderr)) == 1


def test_the_command_refuses_a_namesake_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "geo").mkdir()
    (tmp_path / "geo" / "__init__.py").touch()
    program = "import sys; sys.argv = ['trajaudit', 'rules']; from runs.cli import main; sys.exit(main())"
    answer = run_with_namesake(tmp_path, program)
    assert answer.returncode != 0
    assert "geo" in answer.stderr
    assert "same name" in answer.stderr
    assert "Traceback" not in answer.stderr


# ---------------------------------------------------------------- floors

UP = "Each floor stands on the ones below"
RULES = "Rules do not know one another"
EDGES = "The inside knows no web, database, network, process or data frame"
CLOCK = "The inside reads no clock and no folder"
ARROW = "Below the audit, columns are numpy arrays"
OUTSIDE = "Nothing that is installed needs tests, sample data or scripts"
CIRCLES = "No circles within a package"

OFFENCES = {
    "a lower floor uses a higher one": (UP, {"geo/offence.py": "import audit"}),
    "a door uses the door beside it": (UP, {"maps/offence.py": "import reports"}),
    "an approved fact uses the one beside it": (UP, {"zones/offence.py": "import checkpoints"}),
    "a door uses the runs": (UP, {"feeds/offence.py": "import runs.guard"}),
    "an import for types alone": (
        UP,
        {"geo/offence.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import audit"},
    ),
    "a rule uses another": (
        RULES,
        {"audit/rules/offence_a.py": "", "audit/rules/offence_b.py": "import audit.rules.offence_a"},
    ),
    "the inside opens a socket": (EDGES, {"trajectories/offence.py": "import socket"}),
    "the inside uses a data frame": (EDGES, {"audit/offence.py": "from pandas import DataFrame"}),
    "the inside draws a map": (EDGES, {"zones/offence.py": "def draw():\n    import folium"}),
    "the inside reads the clock": (CLOCK, {"audit/offence.py": "from time import monotonic"}),
    "the inside looks at files": (CLOCK, {"zones/offence.py": "import pathlib"}),
    "a low floor reads Parquet": (ARROW, {"trajectories/offence.py": "import pyarrow.parquet"}),
    "the product uses its tests": (OUTSIDE, {"runs/offence.py": "import tests.conftest"}),
    "the product uses its sample data": (OUTSIDE, {"maps/offence.py": "from sample_data import make"}),
    "two modules use each other": (
        CIRCLES,
        {"geo/offence_a.py": "import geo.offence_b", "geo/offence_b.py": "import geo.offence_a"},
    ),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def broken_contracts(output: str) -> set[str]:
    return set(re.findall(r"^(.+) BROKEN\b", output, flags=re.MULTILINE))


def copy_packages(target: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", target)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "vendor")
        shutil.copytree(ROOT / package, target / package, ignore=ignored)


def test_every_floor_keeps_every_contract() -> None:
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    kept = set(re.findall(r"^(.+) KEPT\b", answer.stdout, flags=re.MULTILINE))
    assert kept == {contract["name"] for contract in pyproject()["tool"]["importlinter"]["contracts"]}


def test_every_contract_has_an_offence_that_breaks_it() -> None:
    named = {contract["name"] for contract in pyproject()["tool"]["importlinter"]["contracts"]}
    assert {contract for contract, _ in OFFENCES.values()} == named


@pytest.mark.parametrize("offence", OFFENCES)
def test_the_linter_catches(tmp_path: Path, offence: str) -> None:
    contract, files = OFFENCES[offence]
    copy_packages(tmp_path)
    for name, code in files.items():
        (tmp_path / name).write_text(f'"""An offence."""\n{code}\n', encoding="utf-8")
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert broken_contracts(answer.stdout) == {contract}
    assert "offence" in answer.stdout


# ---------------------------------------------------------------- purity and size

CLOCKS = {"now", "utcnow", "today"}
FILES = {"open", "write_text", "write_bytes", "fromfile", "tofile", "memmap", "loadtxt", "genfromtxt", "savetxt"}


def impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each call that opens a file or reads the clock."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="open" as name):
                yield node.lineno, name
            case ast.Attribute(attr=name) if name in CLOCKS | FILES:
                yield node.lineno, name
            case ast.Attribute(value=ast.Name(id="time"), attr=name):
                yield node.lineno, f"time.{name}"


@pytest.mark.parametrize(
    "code",
    [
        "open('x')",
        "p.open()",
        "time.time()",
        "datetime.now(tz)",
        "dt.datetime.utcnow()",
        "date.today()",
        "np.memmap(x)",
    ],
)
def test_the_search_for_impure_calls_finds(code: str) -> None:
    assert list(impure_calls(ast.parse(code)))


def test_the_inside_opens_no_file_and_reads_no_clock() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules(INSIDE)
        for line, name in impure_calls(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


GOES_OUT = frozenset(
    {
        "aiohttp", "apprise", "ftplib", "http.client", "httpcore", "httpx", "imaplib", "nntplib", "poplib", "requests",
        "smtplib", "socket", "telnetlib", "urllib.request", "urllib3", "xmlrpc.client",
    }
)  # fmt: skip
GOES_OUT_UNDER_THE_GUARD = {
    "runs/outbound.py": {"httpcore", "httpx", "socket"},  # the guard itself
    "runs/outbound_watch.py": {"socket"},  # its account of what libraries do
    "runs/notices_apprise.py": {"apprise"},  # held by that account
    "feeds/pull_http.py": {"httpx"},  # over a transport that is handed in
    "runs/pull_out.py": {"httpx"},  # which is this one, of the guard's connections
    "store/lease.py": {"socket"},  # the machine's own name
}
"""Who may know a library that connects, and what for: whatever goes out has passed `runs.outbound`."""
CONNECTS = frozenset({"PyJWKClient", "create_connection", "open_connection", "urlopen", "urlretrieve"})


def known_libraries(tree: ast.Module) -> Iterator[str]:
    """Names of modules that are imported, as far as they are of those that connect."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                told = [name.name for name in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                told = [module, *(f"{module}.{name.name}" for name in names)]
            case _:
                continue
        for name in told:
            yield from (known for known in GOES_OUT if name == known or name.startswith(known + "."))


@pytest.mark.parametrize(
    "code", ["import httpx", "from urllib import request", "import urllib.request as u", "from smtplib import SMTP"]
)
def test_the_search_for_what_goes_out_finds(code: str) -> None:
    assert list(known_libraries(ast.parse(code)))


def test_nothing_goes_out_but_under_the_guard() -> None:
    found: dict[str, set[str]] = {}
    for path in modules(PACKAGES):
        tree, name = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT).as_posix()
        told = {*known_libraries(tree)}
        told |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in CONNECTS}
        told |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in CONNECTS}
        if told:
            found[name] = told
    assert found == GOES_OUT_UNDER_THE_GUARD


def test_no_client_is_made_without_a_transport_of_the_guard() -> None:
    made = {
        f"{path.relative_to(ROOT)}:{node.lineno}": {keyword.arg for keyword in node.keywords}
        for path in modules(PACKAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("httpx.") and node.func.attr[:1].isupper()
        and node.func.attr not in {"ConnectError", "Response"}
    }  # fmt: skip
    assert len(made) == 2
    assert {where for where, given in made.items() if not {"transport", "trust_env"} <= given} == set()


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8").count("\n")
        for path in modules(PACKAGES)
        if path.parent != STEPS
    }
    assert {path: lines for path, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in modules(PACKAGES)
        if path.parent != STEPS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


# ---------------------------------------------------------------- locks, wheel, and what the repository may not say


def test_every_locked_requirement_is_pinned_and_has_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(r"^(?!#)(\S.*?)(?<!\\)$", lock, flags=re.MULTILINE | re.DOTALL)
    assert len(entries) > len(pyproject()["project"]["dependencies"])
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_every_direct_dependency_is_in_the_lock() -> None:
    project = pyproject()["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *project["optional-dependencies"]["server"],
        *project["optional-dependencies"]["pull"],
    ]
    names = {re.split(r"[<>=\[; ]", requirement)[0] for requirement in wanted}
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert names <= locked


@pytest.mark.parametrize("name", ["requirements.lock", "package-lock.json", "package.json"])
def test_no_lock_says_where_packages_come_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert '"resolved"' not in text
    assert not re.search(r"--(extra-)?index-url|--find-links", text)


def test_every_browser_library_is_pinned_exactly_and_locked_with_a_digest() -> None:
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert locked["lockfileVersion"] == 3
    packages = {path.removeprefix("node_modules/"): entry for path, entry in locked["packages"].items() if path}
    assert {name: packages[name]["version"] for name in wanted} == wanted
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_the_wheel_carries_what_runs_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    carried = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    info = {path.parts[0] for path in carried if path.parts[0].endswith(".dist-info")}
    assert {path.parts[0] for path in carried} == set(PACKAGES) | info
    needed = [path.relative_to(ROOT) for path in modules(PACKAGES)]
    needed += [path.relative_to(ROOT) for path in (ROOT / "audit" / "rules").glob("*.toml")]
    needed += [path.relative_to(ROOT).with_suffix(".mo") for path in (ROOT / "runs" / "locale").rglob("*.po")]
    needed.append(Path("store", "migrations", "script.py.mako"))
    vendored = json.loads((ROOT / "maps" / "vendor" / "manifest.json").read_text(encoding="utf-8"))["files"]
    needed += [Path("maps", "vendor", entry["path"]) for entry in vendored]
    assert set(needed) <= carried


def forbidden_strings() -> re.Pattern[str]:
    """Put together here, so that this file does not hold them itself."""
    folders = [rf"(?<![\w.]){'/'}{name}/" for name in ("work", "root", "opt/wheels", "opt/pypi", "home/[a-z]+")]
    folders.append("/tmp" + "/work")
    hosts = [re.escape(host + ".org") for host in ("pypi", "pythonhosted", "registry.npmjs")]
    return re.compile("|".join(folders + hosts))


def test_the_repository_names_no_machine_and_no_registry() -> None:
    forbidden = forbidden_strings()
    assert forbidden.search("see " + "/work" + "/main")
    assert not forbidden.search("../shared/work/data")
    found = []
    for path in repository_files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {match.group()}" for match in forbidden.finditer(text)]
    assert found == []
