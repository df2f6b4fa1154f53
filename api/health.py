"""Whether the server lives, and whether it can work: for whoever watches over it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text

from api.guard import public
from api.platform import platform_of
from api.problems import Refuse, responses
from runs.persist import is_away
from store.engine import StoreRefused
from store.schema import schema_state


class Health(BaseModel):
    """The state of the server, or of what it stands on."""

    status: str


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/healthz", dependencies=[public()], responses=responses())
    def healthz() -> Health:
        """Whether the process answers at all."""
        return Health(status="ok")

    @routes.get("/readyz", dependencies=[public()], responses=responses(503))
    def readyz(request: Request) -> Health:
        """Whether the database answers, with the schema that this program works with."""
        store = platform_of(request).store
        try:
            with store.reading() as session:
                session.execute(text("SELECT 1"))
            state = schema_state(store)
        except StoreRefused as error:
            raise Refuse(503, "database-away") from error
        except Exception as error:
            if is_away(error):
                raise Refuse(503, "database-away") from error
            raise
        if state.state != "current":
            raise Refuse(503, "schema-behind")
        return Health(status="ready")

    return routes
