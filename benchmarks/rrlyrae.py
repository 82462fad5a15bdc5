"""Score CLiMB, its published rivals and trivial baselines on the RR Lyrae catalogue.

    CLIMBKIT_DATA=... python benchmarks/rrlyrae.py --json rrlyrae.json

Prints four tables (as published; held out with equal information; held out at equal mistakes;
the targets of the recommended KBound) and saves them with parameters and versions.
`climbkit benchmark rrlyrae` does the same.
"""

import argparse
import time
from pathlib import Path

from climbkit.pipelines import rr_lyrae_benchmark


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the tables to this file")
    parser.add_argument("--splits", type=int, default=20, help="random splits (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the splits (default: 0)")
    parser.add_argument("--quick", action="store_true", help="three splits, 10 and 90 %% seeds")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    options = parser.parse_args()

    began = time.process_time()
    tables = rr_lyrae_benchmark(
        n_splits=options.splits,
        random_state=options.seed,
        quick=options.quick,
        progress=not options.no_progress,
    )
    print(tables)
    print(f"{time.process_time() - began:.0f} s of CPU time")
    if options.json:
        tables.to_json(options.json)
        print(f"saved to {options.json}")


if __name__ == "__main__":
    main()
