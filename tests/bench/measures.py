"""What is measured, against what, and what was promised."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUERIES = ("truck", "repeat", "site_week", "record", "handover")


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    `bound` says what is held against target and floor: the ratio to the baseline, the value itself, or the times that
    the baseline takes longer (then more is better).
    """

    name: str
    title: str
    unit: str
    baseline: str
    target: float
    floor: float
    bound: str = "ratio"


def _all(rows: int) -> dict[str, Measure]:
    whole, half, week = _count(rows), _count(rows // 2), _count(rows // 250)
    listed = [
        Measure("load_half_clean", f"load {half} clean", "s", f"A {half}", 1.5, 2.5),
        Measure("load_whole_clean", f"load {whole} clean", "s", f"A {whole}", 1.5, 2.5),
        Measure("load_half_dirty", f"load {half} dirty", "s", f"A {half}", 1.8, 3.0),
        Measure("load_whole_dirty", f"load {whole} dirty", "s", f"A {whole}", 1.8, 3.0),
        Measure("faster_than_b", f"load and check {half}", "s", f"B {half}", 4, 3, "times"),
        Measure("check_batch", f"GX check of a batch of {half}, import apart", "s", f"A {half}", 0.3, 0.5),
        Measure("peak_memory", f"peak memory, load {whole}", "MiB", "", 1536, 2048, "value"),
        Measure("same_file", f"same file of {whole} again", "s", f"A {whole}", 0.15, 0.2),
        Measure("resend", f"changed re-send of {whole}", "s", f"A {whole}", 1.5, 2.5),
        Measure("week_on_whole", f"a week of {week} on {whole}", "s", f"A {_count(rows // 10)}", 0.5, 1.0),
        Measure("build_publish", "build, judge, publish after a week, 5 years", "s", "half a year", 1.5, 2.0),
        *(Measure(f"query_{name}", f"{name}(...) on {whole}, warm", "s", "", 0.05, 0.1, "value") for name in QUERIES),
        Measure("waybills", f"{_count(rows // 10)} tickets beside as many forms", "s", "", 10, 10, "value"),
        Measure("report", f"weekly report of a year of {_count(rows // 5)}, all formats", "s", "", 15, 15, "value"),
        Measure("report_queries", "its queries", "s", "", 2, 2, "value"),
        Measure("score", f"ALPS of {_count(rows // 1000)} series of 120 months", "s", "one by one", 10, 10, "value"),
        Measure(
            "score_memory", f"peak memory, ALPS of {_count(rows // 1000)} series", "MiB", "", 1024, 1024, "value"
        ),
    ]
    return {measure.name: measure for measure in listed}


def _count(rows: int) -> str:
    return f"{rows / 1e6:g} M" if rows >= 1_000_000 else f"{rows / 1e3:g} k"


@dataclass
class Results:
    """Samples of each measure and its baseline, written to `bench.json` as they come."""

    path: Path
    rows: int
    wanted: frozenset[str]
    samples: dict[str, list[float]] = field(default_factory=dict)
    baselines: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def fail(self, name: str, why: str) -> None:
        """Give a measure up: it is not measured again and its line says why, whatever was measured before."""
        self.failed[name] = why
        self.wanted -= {name}
        self.write()

    def add(self, name: str, value: float, baseline: float | None = None, peak_mib: float | None = None) -> None:
        """Add one round of a measure and write all that is known."""
        if name not in self.wanted:
            return
        self.samples.setdefault(name, []).append(value)
        if baseline is not None:
            self.baselines.setdefault(name, []).append(baseline)
        if peak_mib is not None:
            self.peaks[name] = max(self.peaks.get(name, 0.0), peak_mib)
        self.write()

    def table(self) -> dict[str, dict[str, Any]]:
        """Return every measured line: median value and baseline, their ratio, the peak, the promise, the verdict."""
        found = {}
        for name, measure in _all(self.rows).items():
            if name in self.failed:
                empty = dict.fromkeys(("value", "baseline", "ratio", "peak_mib"))
                found[name] = {**empty, "unit": measure.unit, "target": measure.target, "floor": measure.floor,
                               "verdict": f"failed: {self.failed[name]}", "rows": self.rows}  # fmt: skip
                continue
            if name not in self.samples:
                continue
            value = statistics.median(self.samples[name])
            against = self.baselines.get(name)
            baseline = statistics.median(against) if against else None
            ratio = value / baseline if baseline else None
            if measure.bound == "times" and ratio:
                ratio = 1 / ratio
            held = value if measure.bound == "value" else ratio
            found[name] = {
                "value": round(value, 4),
                "baseline": round(baseline, 4) if baseline else None,
                "ratio": round(ratio, 3) if ratio else None,
                "peak_mib": round(self.peaks[name]) if name in self.peaks else None,
                "unit": measure.unit,
                "target": measure.target,
                "floor": measure.floor,
                "verdict": _verdict(measure, held),
                "rows": self.rows,
                "rounds": len(self.samples[name]),
                "samples": [round(sample, 4) for sample in self.samples[name]],
            }
        return found

    def write(self) -> None:
        """Write `bench.json`; lines of an earlier run that this one does not measure stay."""
        known: dict[str, Any] = {}
        if self.path.exists():
            known = json.loads(self.path.read_text(encoding="utf-8"))
        known |= self.table()
        order = [*_all(self.rows)]
        known = {name: known[name] for name in sorted(known, key=order.index)}
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(self.path)

    def text(self) -> str:
        """Return the table for people."""
        head = ("measure", "value", "baseline", "ratio", "target", "at least", "peak MiB", "verdict")
        lines = [head]
        measures = _all(self.rows)
        for name, line in self.table().items():
            measure = measures[name]
            sign = ">=" if measure.bound == "times" else "<="
            lines.append(
                (
                    f"{measure.title} [{name}]",
                    "" if line["value"] is None else f"{_figure(line['value'])} {measure.unit}",
                    f"{_figure(line['baseline'])} {measure.unit} ({measure.baseline})" if line["baseline"] else "",
                    f"{line['ratio']:.2f}" if line["ratio"] else "",
                    f"{sign} {measure.target:g}",
                    f"{sign} {measure.floor:g}",
                    str(line["peak_mib"] or ""),
                    line["verdict"].partition("\n")[0][:160],
                )
            )
        widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )


def names() -> tuple[str, ...]:
    """Return the names of all measures."""
    return tuple(_all(1))


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _verdict(measure: Measure, held: float | None) -> str:
    if held is None:
        return "no baseline"
    sign = -1 if measure.bound == "times" else 1
    if sign * held <= sign * measure.target:
        return "met"
    return "at least" if sign * held <= sign * measure.floor else "missed"
