"""From figures to verdicts and levels: thresholds, comparison, price and supply levels, episodes."""
