"""Airflow's REST API on the loopback, as far as we use it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

from pipelines.errors import MachineError

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 15
ATTEMPTS = 4


class Api:
    """Calls as one user; the token is fetched at the first call that needs it."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.port = port
        self.user = user
        self.password = password
        self._token = ""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call `/api/v2<path>` and return its JSON.

        Raises:
            MachineError: the API refused the call; its own words are given.
            OSError: nothing answers (yet).
        """
        if not self._token:
            login = {"username": self.user, "password": self.password}
            self._token = str(self._request("POST", "/auth/token", login)["access_token"])
        return self._request(method, f"/api/v2{path}", body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG now and return its id; `conf` fills the DAG's params."""
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def ensure_pool(self, name: str, text: str) -> None:
        """Create a pool of one slot unless it is there."""
        if name not in {pool["name"] for pool in self.call("GET", "/pools")["pools"]}:
            self.call("POST", "/pools", {"name": name, "slots": 1, "description": text})

    def unhealthy(self, services: Mapping[str, str]) -> set[str]:
        """Return those of the services (name: its part of the health page) that do not report to be well."""
        health = self._request("GET", "/api/v2/monitor/health")
        return {
            name for name, part in services.items() if not health.get(part) or health[part]["status"] != "healthy"
        }

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        for left in range(ATTEMPTS, 0, -1):
            status, text = self._send(method, path, body)
            if status < 400:
                return json.loads(text) if text else None
            if status < 500 or left == 1:
                break
            # On SQLite the server now and then locks itself out while it notes who called, and answers 500 before
            # it has done anything; asked again it does it.
            time.sleep(1)
        raise MachineError(f"Airflow refused {method} {path}: {status} {text[:500]}")

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_SECONDS)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8")
        finally:
            connection.close()
