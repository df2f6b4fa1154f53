"""A bundle's folder, without its tracks, as values: registers, declared sessions, zones in all their versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checkpoints.camera import Camera
from checkpoints.lookalike import LookalikePair
from feeds import register_rows
from feeds.bundle_config import BundleConfig, read_config
from feeds.cameras import read_cameras
from feeds.damaged import Damaged, DamageLog
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from feeds.lookalikes import read_lookalikes
from feeds.references import Registers, check_references, fitted_terminals
from feeds.registers import Desk
from feeds.zone_files import read_zones
from zones.declared import Exam, Permit, Session
from zones.register import School, StaffRole, Terminal, Vehicle
from zones.schedule import HoursException, Window
from zones.zone import Zone


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything a bundle says except its tracks and passages.

    `terminals` are the rows of terminals.csv and one for each row of vehicles.csv whose car terminals.csv does not
    name. `zones` and `cameras` are all versions. `damaged` says what rejected rows may have hidden.
    """

    folder: Path
    config: BundleConfig
    schools: tuple[School, ...]
    vehicles: tuple[Vehicle, ...]
    terminals: tuple[Terminal, ...]
    staff: tuple[StaffRole, ...]
    zones: tuple[Zone, ...]
    windows: tuple[Window, ...]
    exceptions: tuple[HoursException, ...]
    sessions: tuple[Session, ...]
    exams: tuple[Exam, ...]
    permits: tuple[Permit, ...]
    cameras: tuple[Camera, ...]
    lookalikes: tuple[LookalikePair, ...]
    damaged: Damaged


@dataclass(frozen=True, slots=True)
class Survey:
    """A bundle with all that is wrong with it: `bundle` may be audited only where `faults` is empty.

    `row_faults` are those of rejected rows, field by field.
    """

    bundle: Bundle
    faults: tuple[Fault, ...]
    row_faults: tuple[Fault, ...]


def read_bundle(folder: Path, ledger: Ledger) -> Bundle:
    """Read a bundle; rows, rejects and warnings go to the ledger.

    Raises `UnusableInput` with every fault of every file. A bad row of a CSV register is no such fault: it is
    rejected, and what it may have hidden is in `damaged` (docs/decisions/0004-register-faults.md).
    """
    survey = survey_bundle(folder, ledger)
    if survey.faults:
        raise UnusableInput(survey.faults)
    return survey.bundle


def survey_bundle(folder: Path, ledger: Ledger) -> Survey:
    """Read a bundle as far as it can be read; never raises for bad input."""
    if not folder.is_dir():
        fault = Fault(str(folder), "is not a folder", hint="Name the bundle's folder, unpacked.", code="missing-folder")
        config = BundleConfig.empty()
        return Survey(_bundle(folder, config, Registers.empty(), (), (), (), Damaged()), (fault,), ())
    faults: list[Fault] = []
    config = read_config(folder, ledger, faults)
    desk = Desk(folder, config.local, ledger, DamageLog(), faults, [])
    registers = _read_registers(desk)
    placed = read_zones(folder, config.datum, ledger, faults)
    check_references(config, registers, placed, desk)
    zones = tuple(item.zone for item in placed)
    cameras = read_cameras(folder, config.datum, ledger, faults, desk.row_faults, desk.damage)
    staff = {item.person_id for item in registers.staff.items}
    lookalikes = read_lookalikes(desk, config.matcher, staff)
    bundle = _bundle(folder, config, registers, zones, cameras, lookalikes, desk.damage.result())
    return Survey(bundle, tuple(faults), tuple(desk.row_faults))


def _read_registers(desk: Desk) -> Registers:
    return Registers(
        desk.read(register_rows.SCHOOLS),
        desk.read(register_rows.VEHICLES),
        desk.read(register_rows.TERMINALS),
        desk.read(register_rows.STAFF),
        desk.read(register_rows.SCHEDULES),
        desk.read(register_rows.EXCEPTIONS),
        desk.read(register_rows.SESSIONS),
        desk.read(register_rows.EXAMS),
        desk.read(register_rows.PERMITS),
    )


def _bundle(
    folder: Path,
    config: BundleConfig,
    registers: Registers,
    zones: tuple[Zone, ...],
    cameras: tuple[Camera, ...],
    lookalikes: tuple[LookalikePair, ...],
    damaged: Damaged,
) -> Bundle:
    return Bundle(
        folder=folder,
        config=config,
        schools=registers.schools.items,
        vehicles=registers.vehicles.items,
        terminals=tuple(fitting.terminal for fitting in fitted_terminals(registers)),
        staff=registers.staff.items,
        zones=zones,
        windows=registers.windows.items,
        exceptions=registers.exceptions.items,
        sessions=registers.sessions.items,
        exams=registers.exams.items,
        permits=registers.permits.items,
        cameras=cameras,
        lookalikes=lookalikes,
        damaged=damaged,
    )
