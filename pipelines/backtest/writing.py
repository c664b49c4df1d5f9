"""Runs the back-test and writes its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.backtest import following, page, real_quotes, trials
from pipelines.backtest.page import Real, Simulated
from pipelines.backtest.real_quotes import Quotes
from pipelines.backtest.trials import Bench
from pipelines.backtest.words import messages
from pipelines.errors import WrongCallError
from pipelines.settings import Settings

SWEEP_SHARE = 4  # each point of a sweep gets a quarter of the series


@dataclass(frozen=True)
class Done:
    """The page and the figures of its tables on simulated shocks."""

    path: Path
    bench: Bench

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types: path, seed, market, and by rule and shape the counts and estimates."""
        estimates = ("recall", "precision", "lead", "false_rate")
        return {
            "path": str(self.path),
            "seed": self.bench.city.seed,
            "market": asdict(self.bench.city.market),
            "rules": {
                name: {
                    shape: {
                        **{key: value for key, value in asdict(score).items() if key != "lead_days"},
                        **{key: asdict(getattr(score, key)) for key in estimates},
                    }
                    for shape, score in (*trial.scores.items(), ("all", trial.total))
                }
                for name, trial in self.bench.trials.items()
            },
        }


def write(
    current: Settings,
    path: Path,
    *,
    files: Sequence[Path],
    source: str,
    seed: int,
    series: int,
    language: str,
    say: Callable[[str], None],
) -> Done:
    """Run the trials and write the page; what stood there before is replaced.

    Args:
        current: whose published edition is the history.
        path: the page.
        files: price files to follow the rules on too; nothing of them is kept.
        source: their source profile.
        seed: of the simulated cities.
        series: simulated series of each shape.
        language: zh or en.
        say: told what is being done.

    Raises:
        WrongCallError: another language or source, or a file that is not there.
        InputRefusedError: a file was refused.
        MachineError: the page cannot be written.
    """
    messages(language)  # before anything is run
    for file in files:
        if not file.is_file():
            raise WrongCallError(f"no such price file: {file}")
    given = [_followed(real_quotes.of_file(file, source), is_published=False) for file in files]
    say(f"following the rules on simulated prices, seed {seed} (about a minute) ...")
    few = max(1, series // SWEEP_SHARE)
    found = Simulated(trials.on_rules(series, seed), series, trials.noisier(few, seed), trials.thinner(few, seed))
    is_simulated = current.simulated_mark.exists()
    html = page.render(found, [_history(current), *given], language, is_simulated_home=is_simulated)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.machine_error(error, path) from error
    durable.write_text(path, html)
    return Done(path, found.bench)


def _history(current: Settings) -> Real:
    try:
        return _followed(real_quotes.published(current), is_published=True)
    except WrongCallError:  # nothing is published yet: the page says so
        return Real("", True, {})


def _followed(quotes: Quotes, *, is_published: bool) -> Real:
    rules = following.rules()
    followed = {name: following.follow(quotes.rows, rule, quotes.cities) for name, rule in rules.items()}
    return Real(quotes.name, is_published, followed)
