"""Capacity filings: lawful projects of the largest sites, and one project for each case, with its true verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pipelines.simulation.city import City, FirmRegistry
from pipelines.simulation.plan import Plan

HEADERS = {
    "project_id": "项目代码",
    "project_name": "项目名称",
    "enterprise_name": "企业名称",
    "enterprise_kind": "企业类型",
    "uscc": "统一社会信用代码",
    "county_code": "县区代码",
    "project_kind": "建设性质",
    "filed_on": "备案日期",
    "own_mine_capacity_t": "自备矿山产能",
    "own_mine_basis": "自备矿山依据",
    "own_mine_basis_t": "自备矿山依据量",
    "purchased_capacity_t": "外购原料产能",
    "waste_capacity_t": "固废原料产能",
    "usable_resource_t": "可利用资源量",
    "source_statement": "原料来源说明",
    "has_truth_declaration": "真实性声明",
    "planned_haul_t": "计划年运量",
    "planned_rail_t": "计划铁路运量",
    "record_approved_on": "备案时间",
    "land_approved_on": "用地批复时间",
    "plan_approved_on": "规划许可时间",
    "eia_approved_on": "环评批复时间",
    "construction_start_on": "开工时间",
    "is_ultra_low_emission": "超低排放",
}
WORDS = {
    "new": "新建",
    "expansion": "扩建",
    "renovation": "改建",
    "max_extractable": "最大年度可采量",
    "stripped_waste_rock": "剥离废石",
    "none": "未办理",
}
PARTS = ("own_mine_capacity_t", "purchased_capacity_t", "waste_capacity_t")
APPROVALS = ("record_approved_on", "land_approved_on", "plan_approved_on", "eia_approved_on")
RULES = ("capacity_floor", "capacity_basis", "approvals_before_start", "rail_share")

Filing = dict[str, Any]


@dataclass(frozen=True)
class Filings:
    """The projects in file order, their true verdicts, and the (project, capacity in t) of linked sites."""

    rows: tuple[Filing, ...]
    truth: tuple[dict[str, str], ...]
    linked: Mapping[int, tuple[str, int]]


def build(plan: Plan, city: City, firms: FirmRegistry) -> Filings:
    """Return all filings; the lawful ones belong to the largest sites of quarries and plants."""
    rng = plan.rng("filings")
    spec = plan["filings"]
    counties = plan["counties"]
    makers = [site for site in city.senders if site.kind in ("quarry", "plant") and site.is_registered]
    makers.sort(key=lambda site: -site.size)
    rows: list[Filing] = []
    truth: list[dict[str, str]] = []
    linked: dict[int, tuple[str, int]] = {}
    for n, site in enumerate(makers[: spec["ordinary"]]):
        capacity = 3_000_000 + 100_000 * int(rng.integers(0, 6))
        delay = timedelta(days=int(rng.integers(0, 900)))
        change: Filing = {"own_mine_capacity_t": capacity, "own_mine_basis_t": capacity + 200_000}
        change |= {name: day + delay for name, day in spec["start"].items() if isinstance(day, date)}
        haul = capacity - 300_000
        change |= {"planned_haul_t": haul, "planned_rail_t": haul * 85 // 100}
        row = _filing(spec["start"] | change, n, site.firm.name, site.firm.uscc, site.county_code)
        linked[site.number] = (row["project_id"], capacity)
        rows.append(row)
        truth.append(_truth(plan, row, "ordinary", {}))
    for n, case in enumerate(spec["cases"], start=len(rows)):
        county = counties[int(rng.integers(len(counties)))]["code"]
        firm = firms.new("plant", county)
        row = _filing(spec["start"] | case["change"], n, firm.name, firm.uscc, county)
        rows.append(row)
        truth.append(_truth(plan, row, case["case"], case["expect"]))
    return Filings(tuple(rows), tuple(truth), linked)


def _filing(values: Filing, n: int, firm: str, uscc: str, county: str) -> Filing:
    year = values["filed_on"].year % 100 if values["filed_on"] else 22
    waste_only = bool(values["waste_capacity_t"]) and not values["own_mine_capacity_t"]
    return {
        "project_id": f"{year:02d}{n % 12 + 1:02d}-{county}-04-01-{100_001 + 37 * n}",
        "project_name": f"{firm.removesuffix('有限公司')}机制砂石演示项目{n + 1:02d}",
        "enterprise_name": firm,
        "enterprise_kind": "固废利用企业" if waste_only else "建筑石料矿山企业",
        "uscc": uscc,
        "county_code": county,
        **values,
    }


def _truth(plan: Plan, row: Filing, case: str, expect: Mapping[str, str]) -> dict[str, str]:
    verdicts = true_verdicts(plan, row)
    # the case says by hand what it is about; the computation must agree, or the simulation itself is wrong
    wrong = {rule: verdicts[rule] for rule, verdict in expect.items() if verdicts[rule] != verdict}
    if wrong:
        raise AssertionError(f"simulate: filing case {case} computes {wrong}, simulate.yaml expects {dict(expect)}")
    return {"project_id": row["project_id"], "case": case, "about": " ".join(expect), **verdicts}


def true_verdicts(plan: Plan, row: Filing) -> dict[str, str]:
    """Return the verdict of each project rule; empty where the text leaves open whether the rule applies."""
    filed = row["filed_on"]
    if filed is not None and filed < plan["filings"]["floor_from"]:
        return dict.fromkeys(RULES, "not_in_force") | {"rail_share": ""}
    verdicts = {
        "capacity_floor": _floor(plan, row),
        "capacity_basis": _basis(plan, row),
        "approvals_before_start": _approvals(row),
        "rail_share": _rail(plan, row),
    }
    if filed is None or row["project_kind"] in ("expansion", "renovation"):
        # only the floor says what happens to these; the other rules speak of new projects
        verdicts |= {"capacity_basis": "", "approvals_before_start": "", "rail_share": ""}
    return verdicts


def _floor(plan: Plan, row: Filing) -> str:
    if row["filed_on"] is None:
        return "undetermined"
    if row["project_kind"] in ("expansion", "renovation"):
        return "exempt"
    own, purchased, waste = (row[part] for part in PARTS)
    if own is None and purchased is None and waste is None:
        return "undetermined"
    own, purchased, waste = own or 0, purchased or 0, waste or 0
    if waste and not own and not purchased:
        return "exempt"
    if own + purchased + waste >= plan["filings"]["floor_t"]:
        return "met"
    is_rock = row["own_mine_basis"] == "stripped_waste_rock" and not purchased
    return "undetermined" if waste or is_rock else "breached"


def _basis(plan: Plan, row: Filing) -> str:
    own, purchased, waste = (row[part] for part in PARTS)
    found = set()
    if own:
        basis = row["own_mine_basis_t"]
        unknown = basis is None or row["own_mine_basis"] is None
        found.add("undetermined" if unknown else "breached" if own > basis else "met")
    elsewhere = (purchased or 0) + (waste or 0)
    if elsewhere:
        usable, declared = row["usable_resource_t"], row["has_truth_declaration"]
        if declared is False or (usable is not None and elsewhere * plan["filings"]["usable_years"] > usable):
            found.add("breached")
        elif usable is None or declared is None or not row["source_statement"]:
            found.add("undetermined")
        else:
            found.add("met")
    return next(verdict for verdict in ("breached", "undetermined", "met", "") if verdict in found or not verdict)


def _approvals(row: Filing) -> str:
    start = row["construction_start_on"]
    if start is None:
        return "exempt"
    dates = [row[name] for name in APPROVALS]
    if any(day == "none" or (day is not None and start < day) for day in dates):
        return "breached"
    return "undetermined" if None in dates else "met"


def _rail(plan: Plan, row: Filing) -> str:
    haul, rail = row["planned_haul_t"], row["planned_rail_t"]
    part, whole = plan["filings"]["rail_share"]
    if haul is None:
        return "undetermined"
    if haul < plan["filings"]["haul_floor_t"]:
        return "exempt"
    return "undetermined" if rail is None else "met" if whole * rail >= part * haul else "breached"


def to_bytes(filings: Filings) -> bytes:
    """Return the feed file: GB18030, Chinese headers, blank cells where nothing was stated."""
    lines = [",".join(HEADERS.values())]
    lines += [",".join(_cell(row[name]) for name in HEADERS) for row in filings.rows]
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return WORDS.get(value, value) if isinstance(value, str) else str(value)
