"""Waybills (五联单) of the sites that use them: mostly right, each finding planted, and permits of the river sand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import City
from pipelines.simulation.exports import Exports
from pipelines.simulation.fleet import Fleet
from pipelines.simulation.forms import NUMBERS, Form, Permit, Waybills
from pipelines.simulation.plan import Plan
from pipelines.simulation.stories import Stories
from pipelines.simulation.tickets import wordings
from pipelines.simulation.verdicts import VERDICTS, Truth

Array = npt.NDArray[Any]


def build(
    plan: Plan, city: City, fleet: Fleet, rows: Array, exports: Exports, truth: Truth, told: Stories
) -> Waybills:
    """Return the forms of all loads that left the sites with forms, with the planted errors among them."""
    return _Office(plan, city, fleet, rows, exports, truth, told).write()


class _Office:
    def __init__(
        self, plan: Plan, city: City, fleet: Fleet, rows: Array, exports: Exports, truth: Truth, told: Stories
    ) -> None:
        self.plan, self.city, self.fleet, self.told, self.rows = plan, city, fleet, told, rows
        self.spec = plan["waybills"]
        self.last = plan.mondays[-1]
        left = exports.accepted_rows(len(rows)) & (rows["direction"] == 0)
        left &= truth.verdict != VERDICTS.index("reweighed")
        here = np.isin(rows["site"], list(self.spec["sites"]))
        chosen = np.flatnonzero(left & here)
        self.chosen = chosen[np.lexsort((chosen, rows["at"][chosen]))]
        self.days = {(int(rows["site"][n]), int(rows["at"][n]) // 86400) for n in self.chosen}
        self.words = wordings(plan)
        self.places = [*city.county_names.values(), "漯河市", ""]
        self.without: list[tuple[str, str]] = []
        self.given = 0

    def write(self) -> Waybills:
        forms = {int(n): self._form(int(n)) for n in self.chosen}
        extra: list[Form] = []
        # ordinary loads only, of the middle of a day and of weeks whose copies had time to come back
        week, hour = self.rows["week"][self.chosen], self.rows["at"][self.chosen] % 86400 // 3600
        fits = (self.rows["case"][self.chosen] == 0) & (hour >= 8) & (hour < 17)
        fits &= self.rows["is_superseded"][self.chosen] == 0
        recent = self.plan.weeks - 1 - week
        rng = self.plan.rng("waybills")
        errors = self.spec["errors"]
        late = [int(n) for n in rng.permutation(self.chosen[fits & (recent == 0)])]
        pool = [int(n) for n in rng.permutation(self.chosen[fits & (recent >= 2)])]
        for error, rule in errors.items():
            for _ in range(rule["count"]):
                source = late if rule.get("late") else pool
                found = next((n for n in source if self._suits(error, rule, n)), None)
                if found is None:
                    continue
                source.remove(found)
                self._spoil(error, found, forms, extra, source)
        everything = sorted([*forms.values(), *extra], key=lambda form: (form.issued_at, form.form_no))
        return Waybills(tuple(everything), self._permits(everything), tuple(self.without))

    def _suits(self, error: str, rule: dict[str, Any], n: int) -> bool:
        row = self.rows[n]
        if self.spec["sites"][int(row["site"])]["permit"] == "C":
            return False  # the sum over that permit is known by construction: nothing else is wrong there
        if rule.get("river") and self.spec["sites"][int(row["site"])]["kind"] != "river":
            return False
        if error == "outside_dates":
            return bool(self.spec["sites"][int(row["site"])]["permit"] == "A")
        if error == "form_without_ticket":
            # only where the site's tickets are there can one be missing
            day = int(row["at"]) // 86400
            return all((int(row["site"]), day + n) in self.days for n in (-1, 0, 1, 2))
        return not (error == "net_at_bound" and (row["net"] % 100 or row["net"] < 10_000))

    def _form(self, n: int) -> Form:
        row = self.rows[n]
        site = self.city.senders[row["site"]]
        place = self.spec["sites"][int(row["site"])]
        issued = datetime(1970, 1, 1) + timedelta(seconds=int(row["at"]) // 60 * 60 + 120)  # noqa: DTZ001  # wall time
        self.given += 1
        permit = place["permit"]
        if permit == "A" and issued.date() > self._ends("A"):
            permit = "B"
        fresh = (self.last + timedelta(days=7) - issued.date()).days <= self.spec["fresh_days"]
        form = Form(
            form_no=f"HN41{issued.year}{self.given:07d}",
            kind=place["kind"],
            permit_no=self.spec["permits"][permit]["number"] if place["kind"] == "river" else place["permit"],
            zone=place["zone"],
            issuer=site.firm.name,
            product=self.words[row["wording"]][1],
            plate=self.fleet.plates[row["truck"]],
            gross_kg=int(row["gross"]),
            tare_kg=int(row["tare"]),
            net_kg=int(row["net"]),
            ticket_no=NUMBERS[row["source"]].format(row["number"]),
            issued_at=issued,
            valid_until=issued + timedelta(hours=self.spec["valid_hours"]),
            site_name=site.name,
            destination=self.places[row["destination"]],
            receiver=self.plan["names"]["receivers"][row["receiver"]],
            copies=["issued", "returned", "issued", "issued" if fresh else "returned", "returned"],
        )
        if row["told"] >= 0 and self.told.told[row["told"]].form not in ("", "none"):
            said = self.told.told[row["told"]]
            form.case, form.findings = said.case, (said.form,)
        return form

    def _spoil(self, error: str, n: int, forms: dict[int, Form], extra: list[Form], pool: list[int]) -> None:
        form = forms[n]
        form.case = error
        found = self.spec["findings"].get(error)
        form.findings = (found,) if found else ()
        spoil: Callable[..., None] | None = getattr(self, f"_{error}", None)
        if spoil:
            spoil(form, n, forms, extra, pool)

    def _new(self, form: Form, **changes: Any) -> Form:
        self.given += 1
        copy = Form(
            **{**form.__dict__, "copies": [*form.copies], "form_no": f"HN41{form.issued_at.year}{self.given:07d}"}
        )
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy

    def _duplicate_number(self, form: Form, n: int, forms: dict[int, Form], _: Any, pool: list[int]) -> None:
        other = next(
            m for m in pool
            if self.rows["truck"][m] != self.rows["truck"][n] and self.rows["site"][m] == self.rows["site"][n]
        )  # fmt: skip
        pool.remove(other)
        forms[other].form_no, forms[other].case, forms[other].findings = form.form_no, form.case, form.findings

    def _two_trips(self, form: Form, n: int, forms: dict[int, Form], _: Any, pool: list[int]) -> None:
        other = next((m for m in pool if self.rows["truck"][m] == self.rows["truck"][n]), None)
        if other is None:
            form.case, form.findings = "", ()
            return
        pool.remove(other)
        forms[other].form_no, forms[other].case, forms[other].findings = form.form_no, form.case, form.findings

    def _plate_differs(self, form: Form, n: int, *_: Any) -> None:
        site = int(self.rows["site"][n])
        first = int(self.fleet.first[site])
        form.plate = next(
            plate for plate in self.fleet.plates[first : first + int(self.fleet.count[site])] if plate != form.plate
        )

    def _net_differs(self, form: Form, *_: Any) -> None:
        form.net_kg += max(int(form.net_kg * 0.022), 240)
        form.gross_kg = form.tare_kg + form.net_kg

    def _net_at_bound(self, form: Form, *_: Any) -> None:
        form.net_kg += form.net_kg // 50
        form.gross_kg = form.tare_kg + form.net_kg

    def _outside_dates(self, form: Form, *_: Any) -> None:
        form.permit_no = self.spec["permits"]["A"]["number"]

    def _zone_differs(self, form: Form, *_: Any) -> None:
        form.zone = "无名河段（演示）"

    def _expired(self, form: Form, *_: Any) -> None:
        form.issued_at -= timedelta(hours=24)
        form.valid_until = form.issued_at + timedelta(hours=self.spec["valid_hours"])

    def _receiver_copy_missing(self, form: Form, *_: Any) -> None:
        form.copies[3] = "issued"

    def _receiver_copy_lost(self, form: Form, *_: Any) -> None:
        form.copies[3] = "lost"

    def _ticket_without_form(self, form: Form, n: int, forms: dict[int, Form], *_: Any) -> None:
        self.without.append((form.site_name, form.ticket_no))
        del forms[n]

    def _form_without_ticket(self, form: Form, _: int, __: Any, extra: list[Form], ___: Any) -> None:
        extra.append(self._new(form, ticket_no=f"{form.ticket_no[:2]}{999_000_000 + len(extra)}"))
        form.case, form.findings = "", ()

    def _void_unused(self, form: Form, _: int, __: Any, extra: list[Form], ___: Any) -> None:
        extra.append(self._new(form, ticket_no="", is_void=True, void_reason="填写错误", findings=()))
        form.case = ""

    def _void_used(self, form: Form, *_: Any) -> None:
        form.is_void, form.void_reason = True, "填写错误"

    def _replaced(self, form: Form, n: int, forms: dict[int, Form], extra: list[Form], _: Any) -> None:
        """The first form was torn and voided; the second stands for it and names it."""
        forms[n] = self._new(form, parent_form_no=form.form_no)
        form.is_void, form.void_reason = True, "破损换单"
        extra.append(form)

    def _ends(self, permit: str) -> date:
        return self.last + timedelta(days=self.spec["permits"][permit]["until"])

    def _permits(self, forms: Sequence[Form]) -> tuple[Permit, ...]:
        made = []
        for row in self.spec["permits"].values():
            site = self.city.senders[row["sender"]]
            nets = [form.net_kg for form in forms if form.permit_no == row["number"] and not form.is_void]
            used = sum(nets)
            # the permitted mass is passed by the loads of the last forms, where the permit is one that is passed
            cut = sum(nets[: -row["passed_by"]]) if row.get("passed_by") else 2 * used
            permitted = max(-(-cut // 1000), 1)
            made.append(
                Permit(
                    row["number"], row["zone"], site.firm.name, site.name, self.last + timedelta(days=row["from"]),
                    self.last + timedelta(days=row["until"]), row["hours"][0], row["hours"][1], permitted,
                    used / 1000, used > 1000 * permitted,
                )
            )  # fmt: skip
        return tuple(made)
