"""What it costs: `python -m tests.bench` measures the whole chain against plain baselines in the same run."""
