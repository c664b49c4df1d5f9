"""Waybills (五联单) and permits of river sand as they are written down: their columns, words and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pipelines.simulation.plan import Plan
from pipelines.simulation.scales import workbook

HEADER = (
    "联单编号,类型,许可证号,采区,开具单位,品名,车牌号,承运单位,毛重(kg),皮重(kg),净重(kg),磅单号,开单时间,有效期至,"
    "起运地,目的地,收货单位,第一联,第二联,第三联,第四联,第五联,是否作废,作废原因,原联单号"
)
PERMIT_HEADER = (
    "许可证号", "采区", "持证单位", "站点", "有效期起", "有效期止", "作业开始时间", "作业结束时间", "许可采量(t)",
)  # fmt: skip
NUMBERS = ("{:06d}", "YP{:09d}", "{}")  # how each export writes the number of a ticket
KIND_WORDS = {"river": "河砂", "mine": "矿山"}
COPY_WORDS = {"issued": "已发出", "returned": "已收回", "lost": "遗失"}


@dataclass
class Form:
    """One form as it is written down; `findings` are what is wrong with it, by the words of this simulation."""

    form_no: str
    kind: str
    permit_no: str
    zone: str
    issuer: str
    product: str
    plate: str
    gross_kg: int
    tare_kg: int
    net_kg: int
    ticket_no: str
    issued_at: datetime
    valid_until: datetime
    site_name: str
    destination: str
    receiver: str
    copies: list[str]
    is_void: bool = False
    void_reason: str = ""
    parent_form_no: str = ""
    case: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permit:
    """A permit for river sand; masses in t, hours of the day as text."""

    permit_no: str
    zone: str
    holder: str
    site_name: str
    valid_from: date
    valid_until: date
    hours_from: str
    hours_until: str
    permitted_t: int
    used_t: float = 0.0
    is_passed: bool = False


@dataclass(frozen=True)
class Waybills:
    """The forms by day of issue, the permits, and the tickets that should have had a form: (site, ticket)."""

    forms: tuple[Form, ...]
    permits: tuple[Permit, ...]
    without_form: tuple[tuple[str, str], ...] = field(default_factory=tuple)

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Return the files of each month by name: GB18030, and their data lines."""
        months: dict[str, list[str]] = {}
        for form in self.forms:
            months.setdefault(f"{form.issued_at:%Y-%m}", []).append(_line(form))
        return {
            f"waybill_{month}.csv": ("\r\n".join([HEADER, *lines, ""]).encode("gb18030"), len(lines))
            for month, lines in months.items()
        }

    def voided(self, name: str) -> int:
        """Return how many forms of a file are void."""
        return sum(form.is_void for form in self.forms if name == f"waybill_{form.issued_at:%Y-%m}.csv")

    def truth(self) -> list[dict[str, Any]]:
        """Return one row a form with the file and line it stands on."""
        lines: dict[str, int] = {}
        rows = []
        for form in self.forms:
            name = f"waybill_{form.issued_at:%Y-%m}.csv"
            lines[name] = lines.get(name, 1) + 1
            rows.append(
                {
                    "file": name, "line": lines[name], "form_no": form.form_no, "site_name": form.site_name,
                    "ticket_no": form.ticket_no, "plate": form.plate, "net_kg": form.net_kg, "case": form.case,
                    "findings": " ".join(form.findings),
                }
            )  # fmt: skip
        return rows

    def permits_to_bytes(self, plan: Plan) -> bytes:
        """Return the list of permits, one sheet."""
        rows = [
            [p.permit_no, p.zone, p.holder, p.site_name, p.valid_from, p.valid_until, p.hours_from, p.hours_until,
             p.permitted_t]
            for p in self.permits
        ]  # fmt: skip
        return workbook(plan, "采砂许可", PERMIT_HEADER, rows)


def _line(form: Form) -> str:
    return ",".join(
        (
            form.form_no, KIND_WORDS[form.kind], form.permit_no, form.zone, form.issuer, form.product, form.plate,
            "", str(form.gross_kg), str(form.tare_kg), str(form.net_kg), form.ticket_no,
            f"{form.issued_at:%Y-%m-%d %H:%M}", f"{form.valid_until:%Y-%m-%d %H:%M}", form.site_name,
            form.destination, form.receiver, *(COPY_WORDS[state] for state in form.copies),
            "是" if form.is_void else "否", form.void_reason, form.parent_form_no,
        )
    )  # fmt: skip
