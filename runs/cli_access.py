"""The commands `trajaudit user` and `trajaudit log`: accounts with their roles, and the access log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runs.help_pages import Command, Group, example
from runs.options import LANG, Json, Language, SettingsFile
from runs.words import say

EXIT_BROKEN = 3
BY_HAND = "by-hand"

Name = Annotated[str, typer.Argument(help=say("An account's name."), show_default=False)]
RoleName = Annotated[
    str,
    typer.Argument(
        metavar="ROLE",
        help=say("One of auditor, reviewer, office-head, administrator, school, service."),
        show_default=False,
    ),
]
Why = Annotated[str, typer.Option("--reason", help=say("Why; it stands in the access log."))]

user = typer.Typer(
    cls=Group,
    name="user",
    help=say("Accounts, and the roles granted to them."),
    epilog=say("Example:") + " trajaudit user list",
    no_args_is_help=True,
)
log = typer.Typer(
    cls=Group,
    name="log",
    help=say("The access log: who looked at whom, and whether the log is whole."),
    epilog=say("Example:") + " trajaudit log verify",
    no_args_is_help=True,
)


@user.command(
    cls=Command,
    help=example(
        say("Add an account. The first one is the administrator's, and whoever is there may add it."),
        "trajaudit user add li --os-user li",
    ),
)
def add(
    name: Name,
    os_user: Annotated[
        str | None,
        typer.Option(
            "--os-user", help=say("The system user who is this account on the command line."), show_default=False
        ),
    ] = None,
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Add an account without roles, or the first administrator."""
    from runs.access import add_account  # noqa: PLC0415

    add_account(settings, name, os_user, reason, lang, as_json)


@user.command("list", cls=Command, help=example(say("List the accounts with their roles."), "trajaudit user list"))
def list_(settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Show all accounts."""
    from runs.access import list_accounts  # noqa: PLC0415

    list_accounts(settings, lang, as_json)


@user.command(
    cls=Command,
    help=example(say("Let an account act no more. What it did stays in the log."), "trajaudit user disable li"),
)
def disable(
    name: Name, reason: Why = "", settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False
) -> None:
    """Disable an account."""
    from runs.access import disable_account  # noqa: PLC0415

    disable_account(settings, name, reason, lang, as_json)


@user.command(
    cls=Command,
    help=example(
        say("Give an account a role. Nobody gives one to himself."),
        "trajaudit user grant wang auditor --district 370102",
    ),
)
def grant(
    name: Name,
    role: RoleName,
    district: Annotated[
        list[str] | None,
        typer.Option(help=say("Only in this district; may be given several times (the whole city).")),
    ] = None,
    school: Annotated[str | None, typer.Option(help=say("For the role school: its school_id."))] = None,
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Grant a role."""
    from runs.access import grant_role  # noqa: PLC0415

    grant_role(settings, name, role, district or None, school, reason, lang, as_json)


@user.command(
    cls=Command, help=example(say("Take a role from an account, in all districts."), "trajaudit user revoke li auditor")
)
def revoke(
    name: Name,
    role: RoleName,
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Revoke a role."""
    from runs.access import revoke_role  # noqa: PLC0415

    revoke_role(settings, name, role, reason, lang, as_json)


@user.command(
    cls=Command,
    help=example(
        say("Give an account a key for programs. It is shown once."),
        "trajaudit user key platform --label supervision --days 365",
    ),
)
def key(
    name: Name,
    label: Annotated[str, typer.Option(help=say("Where the key is used."), show_default=False)],
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help=say("For how many days it counts (until it is revoked)."))
    ] = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Give a key."""
    from runs.proofs import give_key  # noqa: PLC0415

    give_key(settings, name, label, days, lang, as_json)


@user.command(
    cls=Command,
    help=example(say("List an account's keys: whose they are and until when."), "trajaudit user keys platform"),
)
def keys(name: Name, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """List keys."""
    from runs.proofs import list_keys  # noqa: PLC0415

    list_keys(settings, name, lang, as_json)


@user.command("revoke-key", cls=Command, help=example(say("End a key at once."), "trajaudit user revoke-key 3"))
def revoke_key(
    key_id: Annotated[int, typer.Argument(metavar="ID", help=say("The key's number."), show_default=False)],
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Revoke a key."""
    from runs.proofs import revoke_key as end_key  # noqa: PLC0415

    end_key(settings, key_id, reason, lang, as_json)


@user.command(
    cls=Command,
    help=example(
        say("Give an account a password, asked for or read from standard input; its owner must change it."),
        "trajaudit user password li",
    ),
)
def password(
    name: Name, reason: Why = "", settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False
) -> None:
    """Set a password."""
    from runs.proofs import set_password  # noqa: PLC0415

    set_password(settings, name, reason, lang, as_json)


@user.command(
    "totp-reset",
    cls=Command,
    help=example(say("Take the second factor from an account whose device is lost."), "trajaudit user totp-reset li"),
)
def totp_reset(
    name: Name, reason: Why = "", settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False
) -> None:
    """Reset a second factor."""
    from runs.proofs import reset_totp  # noqa: PLC0415

    reset_totp(settings, name, reason, lang, as_json)


@log.command(
    cls=Command,
    help=example(
        say("Show the last entries. Who looks at the log stands in the log, too."),
        "trajaudit log show --subject P0012 --reason C7",
    ),
)
def show(
    last: Annotated[int, typer.Option(min=1, max=100_000, help=say("How many entries."))] = 50,
    subject: Annotated[
        str | None, typer.Option(help=say("Only looks at this person, vehicle, case or account."))
    ] = None,
    actor: Annotated[str | None, typer.Option(help=say("Only what this account did."))] = None,
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show entries."""
    from runs.access import show_log  # noqa: PLC0415

    show_log(settings, last, subject, actor, reason, lang, as_json)


Heads = Annotated[
    Path | None,
    typer.Option("--heads", help=say("File of heads on another medium (the settings' log.heads)."), show_default=False),
]


@log.command(
    cls=Command,
    help=example(
        say("Look whether every entry is as it was written; exit code 3 and each place where not."),
        "trajaudit log verify --heads /mnt/second/heads.ndjson",
    ),
)
def verify(heads: Heads = None, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Verify the chain."""
    from runs.access import verify_log  # noqa: PLC0415

    if not verify_log(settings, heads, lang, as_json):
        raise typer.Exit(EXIT_BROKEN)


@log.command(
    cls=Command,
    help=example(
        say("Print the log's last number and digest, and write them down at the second place."),
        "trajaudit log head --heads /mnt/second/heads.ndjson",
    ),
)
def head(heads: Heads = None, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Write the head down."""
    from runs.access import write_down_head  # noqa: PLC0415

    write_down_head(settings, heads, BY_HAND, lang, as_json)
