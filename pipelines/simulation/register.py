"""The site register, one XLSX sheet as an office keeps it, and the true rail cohort."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelines.simulation.city import City, Site
from pipelines.simulation.plan import Plan

HEADER = (
    "站点", "别名", "企业名称", "统一社会信用代码", "县区代码", "主体类型", "重点名单来源", "项目代码", "备案产能",
    "年运量", "年运量年份", "专用线状态", "专用线启用日期", "预期报送频率", "衡器最大称量", "分度值", "联系人",
    "联系电话",
)  # fmt: skip
MEMBER_KINDS = ("logistics_park", "industrial_park")
TONNES_A_TICKET = 28.0  # what an average load is, to give sites a filed capacity that fits their trade


def capacity_t(plan: Plan, city: City, site: Site, linked: Mapping[int, tuple[str, int]]) -> int | None:
    """Return the filed capacity of a site, t a year: of its project, else one that fits its trade at scale 1."""
    if site.number in linked:
        return linked[site.number][1]
    if site.kind not in ("quarry", "plant"):
        return None
    sizes = sum(sender.size for sender in city.senders)
    tickets: float = plan["size"]["tickets"] * site.size / sizes / plan["calendar"]["ticket_weeks"] * 52
    use = 0.55 + 0.05 * (site.number % 8)
    return max(round(tickets * TONNES_A_TICKET / use / 10_000), 1) * 10_000


def to_bytes(plan: Plan, city: City, linked: Mapping[int, tuple[str, int]]) -> bytes:
    """Return the workbook; masses in t, scale maximum and division in kg, codes as text."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        monday = plan.mondays[0]
        # the moment of making would differ from run to run
        book.set_properties({"created": datetime(monday.year, monday.month, monday.day)})  # noqa: DTZ001  # wall time, no zone is meant
        sheet = book.add_worksheet("站点登记")
        day_format = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEADER)
        for line, site in enumerate(registered(city), start=1):
            for column, value in enumerate(_row(plan, city, site, linked)):
                if value is None or value == "":
                    continue
                if HEADER[column] == "专用线启用日期":
                    sheet.write_datetime(line, column, value, day_format)
                elif isinstance(value, str):
                    sheet.write_string(line, column, value)
                else:
                    sheet.write_number(line, column, value)
    return out.getvalue()


def registered(city: City) -> list[Site]:
    """Return the sites that are in the register, in its order."""
    return [site for site in city.sites if site.is_registered]


def _row(plan: Plan, city: City, site: Site, linked: Mapping[int, tuple[str, int]]) -> list[Any]:
    return [
        site.name, "、".join(site.aliases), site.firm.name, site.firm.uscc, site.county_code,
        plan["names"]["kinds"][site.kind], "2026年重点企业名单（演示）" if site.is_listed else "",
        linked[site.number][0] if site.number in linked else "", capacity_t(plan, city, site, linked),
        site.haul_t, 2025 if site.haul_t is not None else None, site.siding_state, site.siding_since,
        "每日" if site.source >= 0 or "never" in site.roles else "", site.scale_max_kg or None,
        plan["scale_division_kg"] if site.scale_max_kg else None, *_contact(site),
    ]  # fmt: skip


def _contact(site: Site) -> tuple[str, str]:
    """Who answers for a sender: a name that says it is invented, a number nobody can have; some are not known."""
    if site.source < 0 or site.number % 5 == 3:
        return "", ""
    return f"{'张李王赵'[site.number % 4]}（演示）", f"0396-0000{site.number:03d}"


def cohort_place(plan: Plan, site: Site) -> str:
    """Return how a site stands to the 80 % cohort: member, haul_unknown, under_floor or another_kind."""
    if site.kind not in MEMBER_KINDS and not (site.kind == "key_enterprise" and site.is_listed):
        return "another_kind"
    if site.haul_t is None:
        return "haul_unknown"
    return "member" if site.haul_t >= plan["rail"]["floor_t"] else "under_floor"


def cohorts(plan: Plan, city: City) -> list[dict[str, Any]]:
    """Return the cohort of the city and of each county: members, operating, unknown, verdict, more needed."""
    places = {"411700": registered(city)}
    places |= {code: [s for s in registered(city) if s.county_code == code] for code in city.county_names}
    rows = []
    for code, sites in places.items():
        members = [site for site in sites if cohort_place(plan, site) == "member"]
        n = len(members)
        k = sum(site.siding_state == "运营" for site in members)
        u = sum(site.siding_state == "" for site in members)
        verdict = (
            "exempt" if n == 0 else "met" if 5 * k >= 4 * n else "breached" if 5 * (k + u) < 4 * n else "undetermined"
        )
        rows.append(
            {
                "area_code": code, "member_count": n, "operating_count": k, "unknown_siding_count": u,
                "unknown_haul_count": sum(cohort_place(plan, site) == "haul_unknown" for site in sites),
                "verdict": verdict, "more_needed": max(-(-4 * n // 5) - k, 0),
            }
        )  # fmt: skip
    return rows
