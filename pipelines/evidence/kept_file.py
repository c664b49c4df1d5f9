"""The file a ticket stands in: whether it is kept as it came, and its line as it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines import contracts, durable
from pipelines.errors import InputRefusedError
from pipelines.evidence.case import TICKETS, Case
from pipelines.tracing import file_lines

if TYPE_CHECKING:
    from pipelines.settings import Settings


@dataclass(frozen=True)
class FileProof:
    """What the snapshot shows today; `state` is whole, altered (another hash), or gone.

    `hash_now` is what its bytes give; `raw_text` is the physical line (None in a workbook) and `cells` its header
    words with what stood below, both only of a file that is whole.
    """

    state: str
    hash_now: str | None = None
    raw_text: str | None = None
    cells: dict[str, str] = field(default_factory=dict)


def prove(settings: Settings, case: Case) -> FileProof:
    """Hash the snapshot of the record's ticket and read its line from it."""
    account, line = case["account"], case["record"]["line"]
    if account is None:
        return FileProof("gone")
    file = file_lines.KeptFile(
        account["load_no"], account["snapshot_sha256"], account["file_name"], account["source"], account["encoding"]
    )
    path = file.path(settings)
    if path is None:
        return FileProof("gone")
    found = durable.sha256_of(path)
    if found != file.sha256:
        return FileProof("altered", found)
    contract = contracts.contracts()[TICKETS]
    profile = contract.sources.get(file.source)
    cells: dict[str, str] = {}
    if profile:
        try:
            row = next((row for row in file_lines.rows(path, contract, profile) if row.line == line), None)
            cells = row.cells if row else {}
        except (InputRefusedError, OSError):  # the raw line must do
            cells = {}
    return FileProof("whole", found, file_lines.text_at(path, file.encoding, {line}).get(line), cells)
