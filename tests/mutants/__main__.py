"""`python -m tests.mutants [RULE ...]`: change every figure and condition of the rules, and say what nobody notices.

Exit 1 where a mutant survived that equivalent.yaml does not explain, or where an entry of it is noticed after all.
"""

from __future__ import annotations

import argparse
import sys

from pipelines.settings import close_to_others
from tests.mutants import campaign, examples


def main() -> int:
    """Run the mutants that are asked for and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("rules", nargs="*", metavar="RULE", help="rules of sql/policy; default: all with examples")
    parser.add_argument("--sample", type=int, default=None, help="so many mutants a rule; default: all")
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn")
    parser.add_argument("--list", action="store_true", help="list the mutants, run nothing")
    asked = parser.parse_args()
    known = campaign.rules()
    if unknown := set(asked.rules) - known.keys():
        parser.error(f"no examples of {sorted(unknown)}; there are {sorted(known)} (tests/mutants/rules.yaml)")
    wanted = [known[name] for name in asked.rules or known]
    if asked.list:
        for rule in wanted:
            for mutant in campaign.chosen(rule.mutants(), asked.sample, asked.seed):
                tell(str(mutant))
        return 0
    close_to_others()
    outcomes: list[campaign.Outcome] = []

    def work(items: list) -> None:
        outcomes.extend(
            campaign.run(wanted, items, lambda found: campaign.chosen(found, asked.sample, asked.seed), tell)
        )

    examples.with_tests(campaign.files(wanted, is_whole=True), work)
    tell(campaign.table(outcomes))
    noticed = [mutant for outcome in outcomes for mutant in outcome.noticed]
    for mutant in noticed:
        tell(f"called equivalent, but an example notices it: {mutant}")
    return int(bool(noticed or any(outcome.survived for outcome in outcomes)))


def tell(text: str) -> None:
    """Print at once, past what the tests' session catches: a campaign runs for minutes."""
    sys.__stdout__.write(f"{text}\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    sys.exit(main())
