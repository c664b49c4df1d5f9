"""Number plates in a report: masked in every text, but for those a part marks to be shown."""

from __future__ import annotations

from pipelines.alerting.channels import without_plates
from pipelines.report.blocks import SHOWN


def masked(text: str) -> str:
    """Return the text with every plate masked, but for those that `blocks.shown_plate` marked."""
    return without_plates(text).replace(SHOWN, "")
