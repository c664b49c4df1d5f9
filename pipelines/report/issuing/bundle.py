"""A bundle: the files of one report with a manifest of their hashes. A folder without the manifest is no bundle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.errors import InputRefusedError, WrongCallError

MANIFEST = "manifest.json"
Files = Mapping[str, bytes]


def manifest(files: Files, about: Mapping[str, Any]) -> bytes:
    """Return the manifest of files: what they were made from, and the SHA-256 and size of each; no clock in it."""
    listed = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        for name, content in sorted(files.items())
    }
    return (json.dumps({**about, "files": listed}, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def read(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder; None where it holds no bundle."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def verify(folder: Path) -> None:
    """Compare the files of a bundle with its manifest.

    Raises:
        InputRefusedError: there is no manifest, or a file is missing or is not what the manifest says.
    """
    found = read(folder)
    if found is None:
        raise InputRefusedError(f"{folder} holds no bundle: {MANIFEST} is missing; write the report again")
    bad = [
        name
        for name, file in found["files"].items()
        if not (folder / name).is_file() or durable.sha256_of(folder / name) != file["sha256"]
    ]
    if bad:
        raise InputRefusedError(
            f"{folder}: {len(bad)} of {len(found['files'])} files are missing or altered: {', '.join(bad[:5])}."
            " An issued bundle comes back from a backup, a draft by writing the report again"
        )


def put(folder: Path, files: Files, about: Mapping[str, Any]) -> None:
    """Write a draft in place of the one before; other things in the folder stay.

    All is written aside first. While the files change places there is no manifest: a run that is cut off there leaves
    a folder that says it is no bundle, and the next run mends it.

    Raises:
        MachineError: no room, or not allowed; the draft before stays.
    """
    before = read(folder) or {}
    fresh = folder / f".fresh-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(fresh, {**files, MANIFEST: manifest(files, about)})
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in {Path(name).parts[0] for name in before.get("files", {})} - {MANIFEST}:
            _remove(folder / name)
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == MANIFEST):
            _remove(folder / path.name)
            path.replace(folder / path.name)
        durable.sync_folder(folder)
    except OSError as error:
        raise durable.machine_error(error, folder, sum(map(len, files.values()))) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def freeze(folder: Path, bundles: Mapping[str, tuple[Files, Mapping[str, Any]]]) -> None:
    """Write bundles into a new folder, which gets its name when all of it is on the disk, and close it for writing.

    Args:
        folder: a folder that does not exist.
        bundles: files and manifest facts by the name of their subfolder; "" is the folder itself.

    Raises:
        WrongCallError: the folder exists; nothing is changed in it.
        MachineError: no room, or not allowed.
    """
    if folder.exists():
        raise WrongCallError(f"{folder} exists: what was issued is never written again; issue a correction")
    partial = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        for name, (files, about) in bundles.items():
            _write(partial / name, {**files, MANIFEST: manifest(files, about)}, is_kept=True)
        for path in sorted(partial.rglob("*"), reverse=True):
            path.chmod(0o550 if path.is_dir() else 0o440)
        partial.replace(folder)
        folder.chmod(0o550)
        durable.sync_folder(folder.parent)
    except OSError as error:
        raise durable.machine_error(error, folder) from error
    finally:
        if partial.exists():
            _remove(partial)


def _write(folder: Path, files: Files, *, is_kept: bool = False) -> None:
    """Write files; one that is kept for good is on the disk when this returns, a draft can be made again."""
    for name, content in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            if is_kept:
                file.flush()
                os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for folder in (path, *(inner for inner in path.rglob("*") if inner.is_dir())):
            folder.chmod(0o750)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
