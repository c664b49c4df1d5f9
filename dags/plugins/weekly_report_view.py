"""A menu entry 周报 / Weekly report, which opens the newest report behind Airflow's own login."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/weekly-report"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: 'self'; "
        "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


class Pages:
    """The files below `reports/` as a web app, made at the first request: only the API server ever gets one."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as any ASGI app does."""
        if self._app is None:
            self._app = _application()
        await self._app(scope, receive, send)


def _application() -> Any:
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_view
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, RedirectResponse

    from pipelines import run, settings

    # Airflow does not authenticate the app of a plugin: every address of ours asks Airflow who is there.
    login = Depends(requires_access_view(AccessView.WEBSITE))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[login])

    @app.get("/", response_model=None)
    def newest() -> Any:
        address = run.newest_report(settings.load())
        if address is None:
            raise HTTPException(
                404, "尚无周报：先发布，再运行 sandwatch report / no report yet: publish, then report"
            )
        return RedirectResponse(address, status_code=307, headers=HEADERS)

    @app.get("/{name:path}", response_model=None)
    def file(name: str) -> Any:
        path = run.report_file(settings.load(), name)
        if path is None:
            raise HTTPException(404, "no such file of a report")
        return FileResponse(path, headers=HEADERS)

    return app


class WeeklyReportView(AirflowPlugin):
    """The entry in the menu and the app it opens."""

    name = "weekly_report_view"
    fastapi_apps = [{"app": Pages(), "url_prefix": PREFIX, "name": "weekly report"}]  # noqa: RUF012  # Airflow's form
    external_views = [  # noqa: RUF012  # Airflow's form
        {
            "name": "周报 / Weekly report",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "weekly-report",
        }
    ]
