"""Predictions for a table of spectra: CPU time and memory beside Keras' own bare predict.

    python benchmarks/predict_spectra.py [--rows 1000000] [--architecture stellarnet] [--kill 3]
        [--batch-size 2048] [--row-group 65536] [--folder FOLDER] [--json FILE]

The spectra are SIMULATED: blackbodies of 3,000 to 40,000 K with noise, which is enough to measure
time and memory. The network is trained on 2,000 of them for one epoch. Each row of the table at the
end is a process of its own:

predict_table    from a Parquet file to a Parquet file, with probabilities, outlier scores and flags
network.predict  Keras alone, on one array in memory of rows that are prepared already, at Keras'
                 default batch size of 32 and at --batch-size

CPU is the time of the call by all threads, s, compilation and for `predict_table` loading the
model, reading, checks, normalising and writing included; imports are not. Peak is the largest
resident memory of the process, MB. The ratio is that of predict_table's time to each other one.
With --kill, `predict_table` is run again, killed that many times by SIGKILL at random moments and
started again, and its file is compared byte by byte.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from climbkit.spectra._predict_table import BATCH_ROWS

SEED = 0
N_TRAINED = 2_000
CHUNK = 50_000
HC_OVER_K = 1.438777e7  # nm K
TEMPERATURES = (3_000.0, 40_000.0)  # K
HOT = 10_000.0  # K; class 1
BRIGHTNESS = (-18.0, -15.0)  # log10 of the largest flux, W m-2 nm-1
NOISE = 2e-19  # W m-2 nm-1
DEFAULT_BATCH = 32
MEGA = 1e6


def simulated(n, rng):
    """Blackbodies with noise, and whether they are hot."""
    from climbkit.spectra import WAVELENGTH

    temperature = np.exp(rng.uniform(*np.log(TEMPERATURES), n))
    exponent = (HC_OVER_K / (WAVELENGTH * temperature[:, None])).astype(np.float32)
    flux = WAVELENGTH.astype(np.float32) ** -5 / np.expm1(exponent)
    flux *= (10 ** rng.uniform(*BRIGHTNESS, n) / flux.max(axis=1)).astype(np.float32)[:, None]
    flux += NOISE * rng.standard_normal(flux.shape, dtype=np.float32)
    return flux, (temperature > HOT).astype(int)


def prepare(folder, n_rows, row_group, architecture):
    """Write the table, the model, and the rows that the network itself takes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from climbkit.spectra import XPClassifier

    rng = np.random.default_rng(SEED)
    model = XPClassifier(architecture, max_epochs=1, random_state=SEED)
    model.fit(*simulated(N_TRAINED, rng))
    model.save(folder / "model.keras")
    schema = pa.schema([("source_id", pa.int64()), ("flux", pa.list_(pa.float32()))])
    rows = np.lib.format.open_memmap(
        folder / "prepared.npy", "w+", np.float32, (n_rows, *model.input_shape_)
    )
    with pq.ParquetWriter(folder / "spectra.parquet", schema, use_dictionary=False) as writer:
        groups = []
        for start in range(0, n_rows, CHUNK):
            flux, _ = simulated(min(CHUNK, n_rows - start), rng)
            rows[start : start + len(flux)] = model.normalizer_.transform(flux)
            lists = pa.FixedSizeListArray.from_arrays(pa.array(flux.ravel()), flux.shape[1])
            ids = np.arange(start, start + len(flux)) + 2**60
            groups.append(pa.table([ids, lists.cast(schema.field("flux").type)], schema=schema))
            while sum(map(len, groups)) >= row_group or start + CHUNK >= n_rows:
                table = pa.concat_tables(groups)
                writer.write_table(table[:row_group], row_group_size=row_group)
                groups = [table[row_group:]]
                if len(groups[0]) == 0:
                    break
    rows.flush()


def run_ours(folder, batch_rows):
    from climbkit.spectra import predict_table

    started = time.process_time(), time.perf_counter()
    options = {} if batch_rows is None else {"batch_rows": batch_rows}
    predict_table(
        folder / "model.keras", folder / "spectra.parquet", folder / "out.parquet", **options
    )
    return measured(started)


def run_bare(folder, batch_size):
    from climbkit.spectra import XPClassifier

    network = XPClassifier.load(folder / "model.keras").network_
    rows = np.load(folder / "prepared.npy")
    started = time.process_time(), time.perf_counter()
    network.predict(rows, batch_size=batch_size, verbose=0)
    return measured(started)


def measured(started):
    """CPU seconds, seconds and peak memory since then."""
    cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
    return {"cpu": cpu, "wall": wall, "peak_mb": peak()}


def peak():
    """Largest resident memory of this process, MB."""
    # ru_maxrss would have that of the parent before it became this process.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MEGA
    raise OSError("/proc/self/status does not tell the peak memory")


def child(*arguments):
    """Command that runs a part of this script in a process of its own."""
    return [sys.executable, __file__, "--child", *map(str, arguments)]


def result_of(*arguments):
    run = subprocess.run(child(*arguments), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def killed_runs(folder, n_kills, n_parts, options):
    """Kill `predict_table` at random moments; return how many of them hit it."""
    rng = random.Random()
    hit = 0
    for wanted in sorted(rng.sample(range(1, max(n_parts, n_kills + 1)), n_kills)):
        run = subprocess.Popen(child("ours", folder, *options), stdout=subprocess.DEVNULL)
        while run.poll() is None and count_parts(folder) < wanted:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 2))  # in a block, or in the output that is put together
        run.send_signal(signal.SIGKILL)
        hit += run.wait() == -signal.SIGKILL
        print(f"killed: {count_parts(folder)} of {n_parts} parts are there", flush=True)
        if run.returncode == 0:
            break
    return hit


def count_parts(folder):
    return len(list(folder.glob("out.parquet.parts/part-*.parquet")))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments):
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        subprocess.run(
            child("prepare", folder, arguments.rows, arguments.row_group, arguments.architecture),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = [] if arguments.batch_rows is None else [arguments.batch_rows]
        size = (folder / "spectra.parquet").stat().st_size / MEGA
        print(
            f"{arguments.rows:,} SIMULATED spectra in {size:,.0f} MB of Parquet, row groups of "
            f"{arguments.row_group:,}; {arguments.architecture}; {platform.machine()}, "
            f"{os.cpu_count()} cores",
            flush=True,
        )
        ours = result_of("ours", folder, *options)
        rows = [("predict_table", ours)]
        for batch_size in (arguments.batch_size, DEFAULT_BATCH):
            rows.append((f"network.predict, {batch_size}", result_of("bare", folder, batch_size)))
        results = {"rows": arguments.rows, "architecture": arguments.architecture}
        print(f"{'':24}{'CPU [s]':>10}{'wall [s]':>10}{'peak [MB]':>11}{'ratio':>8}")
        for name, row in rows:
            ratio = ours["cpu"] / row["cpu"]
            results[name] = row | {"ratio": ratio}
            print(
                f"{name:24}{row['cpu']:10.1f}{row['wall']:10.1f}{row['peak_mb']:11.0f}{ratio:8.2f}",
                flush=True,
            )
        if arguments.kill:
            before = digest(folder / "out.parquet")
            (folder / "out.parquet").unlink()
            size = arguments.batch_rows or BATCH_ROWS
            hit = killed_runs(folder, arguments.kill, -(-arguments.rows // size), options)
            if not (folder / "out.parquet").exists():
                result_of("ours", folder, *options)
            same = digest(folder / "out.parquet") == before
            results["killed"], results["identical"] = hit, same
            print(f"killed {hit} times and started again: {'identical' if same else 'DIFFERENT'}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--architecture", default="stellarnet")
    parser.add_argument("--batch-size", type=int, default=2_048)
    parser.add_argument("--batch-rows", type=int, help="of predict_table; default: its own")
    parser.add_argument("--row-group", type=int, default=65_536)
    parser.add_argument("--kill", type=int, default=0, metavar="TIMES")
    parser.add_argument("--folder", help="for the files, 5 GB for a million rows")
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        what, where, *others = sys.argv[2:]
        if what == "prepare":
            prepare(Path(where), int(others[0]), int(others[1]), others[2])
        elif what == "ours":
            print(json.dumps(run_ours(Path(where), int(others[0]) if others else None)))
        else:
            print(json.dumps(run_bare(Path(where), int(others[0]))))
    else:
        main(parsed())
