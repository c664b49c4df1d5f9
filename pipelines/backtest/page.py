"""The back-test as one HTML page that loads nothing from outside: answer, tables with intervals, charts, limits."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.backtest import figures, hindsight, trials
from pipelines.backtest.city import YEARS
from pipelines.backtest.evaluating import EARLY_WEEKS, QUIET_WEEKS, Score
from pipelines.backtest.following import WHOLE, Episode, Followed
from pipelines.backtest.trials import Bench, Trial
from pipelines.backtest.words import Words
from pipelines.report.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHARTED = 4  # series of real quotes that are drawn
_LISTED = 20  # episodes of real quotes that are listed


@dataclass(frozen=True)
class Simulated:
    """What the trials found: every rule on one city, and the whole ladder on noisier and thinner markets."""

    bench: Bench
    series: int
    noisier: Sequence[Trial]
    thinner: Sequence[Trial]


@dataclass(frozen=True)
class Real:
    """What each rule said of real quotes; `name` is the file's. Nothing followed: nothing is there."""

    name: str
    is_published: bool
    followed: dict[str, Followed]


@dataclass(frozen=True)
class Cell:
    """A cell: its figure and, smaller, its interval."""

    text: str
    note: str = ""
    style: str = ""


@dataclass(frozen=True)
class Block:
    """A table (columns and rows) or a chart (picture), with its title and foot."""

    name: str
    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    picture: str = ""
    foot: str = ""
    is_folded: bool = False


@dataclass(frozen=True)
class Part:
    """A section of the page."""

    name: str
    title: str
    sentences: tuple[str, ...]
    blocks: tuple[Block, ...] = ()


def render(simulated: Simulated, real: Iterable[Real], language: str, *, is_simulated_home: bool) -> str:
    """Return the page.

    Args:
        simulated: the trials.
        real: what was found on the published quotes and on given files, in order.
        language: zh or en.
        is_simulated_home: whether what is published here is invented, said on the page.
    """
    import jinja2

    words = Words(language)
    with style.in_style():
        parts = [_answer(simulated, words), _shocks(simulated, words)]
        parts += [_quotes(number, one, words) for number, one in enumerate(real)]
        parts.append(_method(simulated, words))
    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    report = Path(style.__file__).parents[1] / "formats" / "templates" / "report.css"
    return environment.get_template("backtest.html.j2").render(
        language=language,
        title=words("title.page"),
        subtitle=words("title.subtitle"),
        notice=words("title.simulated") if is_simulated_home else "",
        parts=parts,
        css=report.read_text(encoding="utf-8") + (folder / "backtest.css").read_text(encoding="utf-8"),
    )


def _answer(found: Simulated, words: Words) -> Part:
    trial = found.bench.trials[WHOLE]
    total = trial.total
    recall, recall_span = words.percent(total.recall)
    false, false_span = words.times(total.false_rate, trials.PRODUCTS)
    sentences = [
        words(
            "answer.met" if trial.is_good else "answer.missed",
            recall=recall,
            recall_span=recall_span,
            false=false,
            false_span=false_span,
            asked=f"{trials.RECALL:.0%}",
            most=f"{trials.FALSE_RATE:g}",
        ),
        words("answer.lead", lead=words.days(total.lead)[0], shocks=total.shocks, years=f"{total.years:.0f}"),
    ]
    if found.noisier:
        broken = [one.market.quote_sd for one in found.noisier if not one.is_good]
        said = min(broken) if broken else max(one.market.quote_sd for one in found.noisier)
        key = "answer.broken_noise" if broken else "answer.unbroken_noise"
        sentences.append(words(key, noise=_share(said)))
    if found.thinner:
        few = [one.market.sellers[0] for one in found.thinner if not one.is_good]
        said_count = max(few) if few else min(one.market.sellers[0] for one in found.thinner)
        sentences.append(words("answer.broken_sellers" if few else "answer.unbroken_sellers", sellers=said_count))
    return Part("answer", words("part.answer"), tuple(sentences))


def _shocks(found: Simulated, words: Words) -> Part:
    by_rule = found.bench.trials
    names = ("shocks", "recall", "episodes", "precision", "lead", "false_count", "false_rate")
    heads = tuple(words(f"column.{name}") for name in names)
    whole = by_rule[WHOLE]
    rules = [(Cell(words.rule(name)), *_scored(trial.total, words)) for name, trial in by_rule.items()]
    shapes = [(Cell(words(f"shape.{shape}")), *_scored(score, words)) for shape, score in whole.scores.items()]
    shapes.append((Cell(words("shape.all"), style="strong"), *_scored(whole.total, words)))
    full = [
        (Cell(words.rule(name)), Cell(words(f"shape.{shape}")), *_scored(score, words))
        for name, trial in by_rule.items()
        for shape, score in trial.scores.items()
    ]
    rule, shape = words("column.rule"), words("column.shape")
    blocks = [
        Block("rules", words("table.rules"), (rule, *heads), tuple(rules)),
        _chart("forest", figures.forest(dict(by_rule), words), words, words("chart.forest_foot")),
        Block("shapes", words("table.shapes"), (shape, *heads), tuple(shapes)),
        _chart(
            "gallery", figures.gallery(found.bench, words), words,
            words("chart.gallery_foot", seed=found.bench.city.seed),
        ),
    ]  # fmt: skip
    if found.noisier and found.thinner:
        foot = words("chart.sweep_foot", shocks=found.noisier[0].total.shocks)
        rows = [(words("word.noise", value=_share(one.market.quote_sd)), one) for one in found.noisier]
        rows += [(words("word.sellers", value=one.market.sellers[0]), one) for one in found.thinner]
        cells = tuple((Cell(text), *_scored(one.total, words), _verdict(one, words)) for text, one in rows)
        columns = (words("column.market"), *heads, words("column.verdict"))
        blocks.append(_chart("sweep", figures.sweep(found.noisier, found.thinner, words), words, foot))
        blocks.append(Block("noise", words("table.sweep"), columns, cells, is_folded=True))
    blocks.append(Block("full", words("table.full"), (rule, shape, *heads), tuple(full), is_folded=True))
    return Part("simulated", words("part.simulated"), (), tuple(blocks))


def _scored(score: Score, words: Words) -> tuple[Cell, ...]:
    return (
        Cell(f"{score.shocks:,}"),
        Cell(*words.percent(score.recall)),
        Cell(f"{score.episodes:,}"),
        Cell(*words.percent(score.precision)),
        Cell(*words.days(score.lead)),
        Cell(f"{score.false:,}"),
        Cell(*words.times(score.false_rate, trials.PRODUCTS)),
    )


def _verdict(trial: Trial, words: Words) -> Cell:
    return Cell(words("word.good")) if trial.is_good else Cell(words("word.bad"), style="strong")


def _quotes(number: int, real: Real, words: Words) -> Part:
    name = f"real{number}"
    title = words("part.published") if real.is_published else words("part.file", name=real.name)
    if not real.followed:
        return Part(name, title, (words("word.no_edition"),))
    whole = real.followed[WHOLE]
    weeks = [week.week_start for series in whole.lead_weeks.values() for week in series]
    if not weeks:
        return Part(name, title, (words("word.none"),))
    tallies = {rule: hindsight.tally(followed) for rule, followed in real.followed.items()}
    span = words(
        "word.span_real",
        series=len(whole.lead_weeks),
        years=f"{tallies[WHOLE].years:.0f}",
        first=min(weeks),
        last=max(weeks),
    )
    names = ("levels", "lasting", "passed", "unsaid", "rises", "heard", "episode_rate")
    columns = (words("column.rule"), *(words(f"column.{one}") for one in names))
    rows = tuple((Cell(words.rule(rule)), *_tallied(tally, words)) for rule, tally in tallies.items())
    blocks = [Block(f"{name}_rules", words("table.real"), columns, rows)]
    keys = hindsight.busiest(whole, _CHARTED)
    foot = words("chart.real_foot", name=real.name)
    blocks.append(_chart(f"{name}_chart", figures.real(whole, keys), words, foot, title="real"))
    shown = whole.episodes[-_LISTED:]
    heads = tuple(words(f"column.{one}") for one in ("where", "history", "closed"))
    listed = tuple((Cell(one.name), Cell(one.history), _closed(one, words)) for one in reversed(shown))
    foot = "" if listed else words("word.none")
    titled = words("table.episodes", count=len(whole.episodes), shown=len(shown))
    blocks.append(Block(f"{name}_episodes", titled, heads, listed, foot=foot))
    return Part(name, title, (span, words("word.proxy"), words("word.bare")), tuple(blocks))


def _closed(episode: Episode, words: Words) -> Cell:
    if episode.closed_on is None:
        return Cell(words("word.open"))
    return Cell(episode.closed_on.isoformat(), words(f"close.{episode.close_reason}"))


def _tallied(tally: hindsight.Tally, words: Words) -> tuple[Cell, ...]:
    levels = " / ".join(str(tally.levels[level]) for level in ("黄", "橙", "红"))
    return (
        Cell(levels),
        Cell(f"{tally.lasted}", words.percent(tally.lasting)[0] if tally.episodes else ""),
        Cell(f"{tally.passed}"),
        Cell(f"{tally.unsaid}"),
        Cell(f"{tally.rises}"),
        Cell(f"{tally.heard}", words.percent(tally.heard_share)[1]),
        Cell(*words.times(tally.episode_rate)),
    )


def _method(found: Simulated, words: Words) -> Part:
    market = found.bench.city.market
    sentences = words.listed(
        "method",
        seed=found.bench.city.seed,
        series=found.series,
        years=YEARS,
        noise=_share(market.quote_sd),
        common=_share(market.common_sd),
        memory=f"{market.common_memory:.0%}",
        fewest=market.sellers[0],
        most=market.sellers[1],
        turnover=f"{market.turnover_share:.0%}",
        missing=f"{market.missing_share:.0%}",
        quiet=QUIET_WEEKS,
        early=EARLY_WEEKS,
        products=trials.PRODUCTS,
    )
    return Part("method", words("part.method"), tuple(sentences))


def _chart(name: str, figure: Figure, words: Words, foot: str, *, title: str = "") -> Block:
    picture = "data:image/svg+xml;base64," + base64.b64encode(style.svg(figure)).decode("ascii")
    return Block(name, words(f"chart.{title or name}"), picture=picture, foot=foot)


def _share(value: float) -> str:
    return f"{100 * value:g}%"
