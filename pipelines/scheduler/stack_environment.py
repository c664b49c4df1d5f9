"""What makes an Airflow ours: its settings, its keys and login, and the port it takes."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import MachineError
from pipelines.scheduler.stack_api import HOST
from pipelines.settings import ROOT, TIME_ZONE, Settings

USER = "sandwatch"


def airflow_home(settings: Settings) -> Path:
    """Return the folder of Airflow's database, keys and login."""
    return settings.home / "airflow"


def airflow_settings(settings: Settings) -> dict[str, str]:
    """Return the variables that hold for every Airflow of ours, also one that no service serves (tests)."""
    home = airflow_home(settings)
    logs = settings.logs / "airflow"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": TIME_ZONE,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",  # its server would listen on every address
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def service_environment(settings: Settings, port: int) -> tuple[dict[str, str], str]:
    """Return the whole environment of a service, ours passed on, and the password of the login.

    Keys and password are made once a home folder and kept there, readable by their owner only.
    """
    home = airflow_home(settings)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = _keys(home / "secrets.json")
    _write_private(home / "passwords.json", {USER: kept["password"]})
    url = f"http://{HOST}:{port}"
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST)))
    return {
        **os.environ,
        **airflow_settings(settings),
        "AIRFLOW__API__SECRET_KEY": kept["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": kept["tokens"],
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "NO_PROXY": direct,  # tasks reach their own API without a proxy
        "no_proxy": direct,
        "SANDWATCH_HOME": str(settings.home),
        "SANDWATCH_LANGUAGE": settings.language,
        "SANDWATCH_NOTIFY_URLS": " ".join(settings.notify_urls),
        "SANDWATCH_ACTOR": settings.actor,
        "SANDWATCH_AUTO_APPROVE": settings.auto_approve,
    }, kept["password"]


def free_port(wanted: int) -> int:
    """Return the wanted port where nobody has it, else any free one; 0 always takes any.

    Raises:
        MachineError: there is none.
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise MachineError(f"no free port on {HOST}")


def _keys(path: Path) -> dict[str, str]:
    if not path.exists():
        _write_private(
            path,
            {
                "password": secrets.token_urlsafe(12),
                "session": secrets.token_hex(32),
                "tokens": secrets.token_hex(64),
            },
        )
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
