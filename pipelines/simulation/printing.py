"""Prints weighings as the three exports write them: headers, units, words, times, encodings, line ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.exports import Exports
from pipelines.simulation.fleet import Fleet
from pipelines.simulation.plan import Plan, iso_week
from pipelines.simulation.tickets import STEP_KG, wordings

if TYPE_CHECKING:
    import pyarrow as pa

Array = npt.NDArray[Any]
# what each export calls the scales of a site; the daybook has no column for them
SCALE_NAMES = (("", "1号磅", "2号磅", "3号磅"), ("", "01", "02", "03"), ("", "1", "2", "3"))
OPERATORS = ("张(演示)", "李(演示)", "王(演示)")


@dataclass(frozen=True)
class Style:
    """How one export writes: its header, encoding, line end, time column and weight columns by place."""

    header: str
    encoding: str
    newline: str
    time: int
    gross: int
    tare: int
    net: int


STYLES = {
    "weighsoft": Style(
        "磅单号,发货单位,收货单位,车号,货名,规格,过磅类型,毛重,皮重,净重,毛重磅号,毛重司磅员,皮重时间,毛重时间,流向,备注",
        "gb18030", "\r\n", 13, 7, 8, 9,
    ),
    "cloud": Style(
        "流水号,站点,车牌号,轴数,车型,驱动轴数,物料,类型,毛重(吨),皮重(吨),净重(吨),"
        "一次过磅时间,二次过磅时间,目的地,收货单位,磅号,司磅员,上传时间",
        "utf-8-sig", "\n", 12, 8, 9, 10,
    ),
    "daybook": Style(
        "单号,站点,时间,车牌号,货名,方向,总重,皮重,净重,车辆轴数,车型,驱动轴数,目的地",
        "gb18030", "\n", 2, 6, 7, 8,
    ),
}  # fmt: skip


def file_name(plan: Plan, file: int) -> tuple[str, str]:
    """Return source and name of a weekly file by its number."""
    week, source = divmod(file, len(SOURCES))
    return SOURCES[source], f"{SOURCES[source]}_{iso_week(plan.mondays[week])}.csv"


def files(plan: Plan, city: City, fleet: Fleet, rows: Array, exports: Exports) -> dict[int, bytes]:
    """Return the bytes of each weekly file by its number."""
    printed = _Printer(plan, city, fleet)
    lines = exports.lines
    source_of = lines["file"] % len(SOURCES)
    made: dict[int, bytes] = {}
    bounds = exports.bounds()
    kinds = plan["files"]["broken_kinds"]
    for source, name in enumerate(SOURCES):
        mine = np.flatnonzero(source_of == source)
        texts: list[str] = printed.lines(name, rows[lines["row"][mine]])
        style = STYLES[name]
        for n in np.flatnonzero(lines["broken"][mine]):
            texts[n] = _break(texts[n], style, kinds[lines["broken"][mine[n]] - 1])
        begins = np.concatenate([[0], np.cumsum(source_of == source)])
        for week in range(plan.weeks):
            file = week * len(SOURCES) + source
            body = texts[begins[bounds[file]] : begins[bounds[file + 1]]]
            text = style.newline.join([style.header, *body, ""])
            made[file] = text.encode(style.encoding)
    return made


def _break(text: str, style: Style, kind: str) -> str:
    cells = text.split(",")
    if kind == "truncated_row":
        return ",".join(cells[: style.gross])
    if kind == "month_13":
        moment = cells[style.time]
        year, month, rest = moment.replace("/", "-").split("-", 2)
        mark = "/" if "/" in moment else "-"
        cells[style.time] = mark.join([year, "13", rest]) if month else moment
    elif kind == "text_in_number":
        cells[style.gross] = "待核"
    else:
        unit = 1000.0 if "." in cells[style.gross] else 1.0
        gross, tare, net = (float(cells[n]) * unit for n in (style.gross, style.tare, style.net))
        if kind == "negative_weight":
            tare, net = -tare, gross + tare
        elif kind == "arithmetic":
            net += 1_000
        else:  # as heavy empty as full; net one step, so that nothing but this is wrong
            tare, net = gross, float(STEP_KG)
        for n, value in ((style.tare, tare), (style.net, net)):
            cells[n] = f"{value / unit:.2f}" if unit > 1 else f"{value:.0f}"
    return ",".join(cells)


class _Printer:
    """Turns rows into text, column by column, in Arrow."""

    def __init__(self, plan: Plan, city: City, fleet: Fleet) -> None:
        self.city = city
        self.words = wordings(plan)
        self.plates = fleet.printable
        self.places = [*city.county_names.values(), "漯河市", ""]
        self.receivers = plan["names"]["receivers"]

    def lines(self, source: str, rows: Array) -> list[str]:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns: Callable[[Array], Sequence[Any]] = getattr(self, f"_{source}")
        whole = [pc.fill_null(column, "") for column in columns(rows)]
        separator = pa.scalar(",")
        texts: list[str] = pc.binary_join_element_wise(*whole, separator).to_pylist()
        return texts

    def _weighsoft(self, rows: Array) -> Sequence[Any]:
        site = self._site(rows)
        outbound = rows["direction"] == 0
        receiver = self._choose(
            [*self.receivers, *(sender.name for sender in self.city.senders)],
            np.where(outbound, rows["receiver"], len(self.receivers) + rows["site"]),
        )
        return [
            _padded(rows["number"], 6), site, receiver, self._plate(rows),
            self._choose([word[1] for word in self.words], rows["wording"]),
            self._choose([word[2] for word in self.words], rows["wording"]),
            self._choose(["销售", "采购", "内部倒运"], rows["direction"]),
            _kg(rows["gross"]), _kg(rows["tare"]), _kg(rows["net"]),
            self._choose(SCALE_NAMES[0], rows["scale"]), self._choose(OPERATORS, rows["operator"]),
            _time(rows["other_at"]), _time(rows["at"]),
            self._choose(self.places, rows["destination"]),
            self._choose(["", "零散原料入库", "场内转运"], rows["direction"]),
        ]  # fmt: skip

    def _cloud(self, rows: Array) -> Sequence[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pc.binary_join_element_wise(pa.scalar("YP"), _padded(rows["number"], 9), pa.scalar(""))
        return [
            numbers, self._site(rows), self._plate(rows),
            _count(rows["axles"]), self._choose(["", "整车", "汽车列车"], rows["body"]), _count(rows["drive"]),
            self._choose([word[1] for word in self.words], rows["wording"]),
            self._choose(["出厂", "进厂", "内部"], rows["direction"]),
            _tonnes(rows["gross"]), _tonnes(rows["tare"]), _tonnes(rows["net"]),
            _time(rows["other_at"]), _time(rows["at"]), self._choose(self.places, rows["destination"]),
            self._choose(self.receivers, rows["receiver"]),
            self._choose(SCALE_NAMES[1], rows["scale"]), self._choose(OPERATORS, rows["operator"]),
            _time(rows["at"] + rows["delay"]),
        ]  # fmt: skip

    def _daybook(self, rows: Array) -> Sequence[Any]:
        return [
            _padded(rows["number"], 0), self._site(rows), _short_time(rows["at"]), self._plate(rows),
            self._choose([word[1] for word in self.words], rows["wording"]),
            self._choose(["出", "进"], rows["direction"]),
            _kg(rows["gross"]), _kg(rows["tare"]), _kg(rows["net"]),
            _count(rows["axles"]), self._choose(["", "整车", "汽车列车"], rows["body"]), _count(rows["drive"]),
            self._choose(self.places, rows["destination"]),
        ]  # fmt: skip

    @staticmethod
    def _choose(texts: Sequence[str], index: Array) -> pa.Array:
        import pyarrow as pa

        return pa.array(list(texts), pa.string()).take(pa.array(index.astype(np.int64)))

    def _site(self, rows: Array) -> pa.Array:
        names = [name for sender in self.city.senders for name in (sender.name, *sender.aliases)]
        return self._choose(names, rows["site"].astype(int) * 4 + rows["site_alias"])

    def _plate(self, rows: Array) -> pa.Array:
        styles = [
            form
            for plate in self.plates
            for form in (plate, f"{plate[:2]}·{plate[2:]}", f"{plate[:2]} {plate[2:]}", plate.lower())
        ]
        return self._choose(styles, rows["printed"].astype(int) * 4 + rows["plate_style"])


def _kg(weights: Array) -> pa.Array:
    return _weights(weights, "{}".format)


def _tonnes(weights: Array) -> pa.Array:
    return _weights(weights, lambda kg: f"{kg / 1000:.2f}")


def _weights(weights: Array, form: Callable[[int], str]) -> pa.Array:
    import pyarrow as pa

    # weights are multiples of the scale's step, so that few texts serve them all; the first is a blank
    texts = ["", *(form(kg) for kg in range(0, int(weights.max()) + STEP_KG, STEP_KG))]
    return pa.array(texts, pa.string()).take(pa.array(np.where(weights < 0, 0, weights // STEP_KG + 1)))


def _count(values: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(["", *map(str, range(1, 10))], pa.string()).take(pa.array(values.astype(np.int64)))


def _padded(numbers: Array, width: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(pa.array(numbers), pa.string())
    return pc.utf8_lpad(texts, width, "0") if width else texts


def _time(seconds: Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pa.array(seconds.astype("datetime64[s]")), pa.string())


def _short_time(seconds: Array) -> pa.Array:
    """Return times as `2026/5/25 8:03`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    days, day = np.unique(seconds // 86400, return_inverse=True)
    dates = [moment.item() for moment in days.astype("datetime64[D]")]
    date_texts = pa.array([f"{moment.year}/{moment.month}/{moment.day} " for moment in dates])
    clock = pa.array([f"{minute // 60}:{minute % 60:02d}" for minute in range(1440)])
    return pc.binary_join_element_wise(
        date_texts.take(pa.array(day)), clock.take(pa.array(seconds % 86400 // 60)), pa.scalar("")
    )
