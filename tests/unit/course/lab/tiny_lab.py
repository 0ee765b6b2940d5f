"""What the tests of sweeps share: runs of a second, and processes that know few words, note
every epoch they save, and kill themselves when told to.
"""

import json
import os
import sys
from pathlib import Path

from course.lab.grid import Experiment, Row, runs_of
from nmt.runs import Preset

ROOT = Path(__file__).resolve().parents[4]
EPOCHS = 3
SIZES = {"hidden_size": 8, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1, "mlp_size": 8}
MODEL = {"kind": "transformer", **SIZES}
TINY = Preset(MODEL, {"epochs": EPOCHS, "batch_size": 512, "words": 200})
ROWS = (
    Row("dropout 0.1"),
    Row("dropout 0.2", {"dropout": 0.2}),
    Row("padded", {}, {"batching": "random"}),
)
EXPERIMENT = Experiment("tiny", "Does it work?", TINY, ROWS)
RUNS = runs_of([EXPERIMENT])[:3]

# Python runs this when it starts. After every saved epoch one line goes to the log; the first
# process that has saved the epoch that it was told to kills itself, or its whole process group.
_WATCHER = r"""
import os, signal, sys
from pathlib import Path

helper = "resource_tracker" in sys.orig_argv[-1]  # of multiprocessing's own
if os.environ.get("TINY_LOG") and not helper:
    import few_words, nmt.runs as one_run
    few_words.know_few_words()
    real = one_run.save_state

    def watched(path, state, config):
        real(path, state, config)
        done = len(state.progress.epochs)
        with open(os.environ["TINY_LOG"], "a") as log:
            log.write(f"{path.parent.name} {done}\n")
        how, _, when = os.environ.get("TINY_KILL", "").partition(" ")
        if when and done == int(when):
            try:
                Path(os.environ["TINY_LOG"] + ".killed").open("x").close()
            except FileExistsError:
                return
            os.kill(os.getppid() if how == "parent" else os.getpid(), signal.SIGKILL)

    one_run.save_state = watched
"""


def environment(folder: Path, kill: str = "") -> dict[str, str]:
    """The environment of watched processes; `kill` is "process N" or "parent N": who dies after
    the N-th epoch of a run was saved, the process that saved it or the one that started it, once.
    """
    site = folder / "site" / "sitecustomize.py"
    if not site.exists():  # once: a process that just started may be reading it
        site.parent.mkdir()
        site.write_text(_WATCHER)
    paths = os.pathsep.join([str(folder / "site"), str(ROOT), str(ROOT / "tests")])
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": paths,
        "TINY_LOG": str(folder / "log"),
        "TINY_KILL": kill,
    }


def saved(folder: Path) -> list[tuple[str, int]]:
    """Every epoch that was saved, by whomever: run and number."""
    lines = (folder / "log").read_text().splitlines()
    return sorted((name, int(epoch)) for name, epoch in map(str.split, lines))


EVERY_EPOCH_ONCE = sorted((run.folder, epoch) for run in RUNS for epoch in range(1, EPOCHS + 1))


def timeless(record: dict) -> dict:
    """A record without the times, which differ from run to run."""
    rows = record["last"], *record["epochs"]
    kept = [{key: row[key] for key in row if "seconds" not in key} for row in rows]
    return {"rows": kept} | {name: record[name] for name in ("mistakes", "name", "seed")}


def main() -> None:
    """Sweep in the folder that the first argument names, two processes side by side."""
    from course.lab.sweep import sweep

    folder = Path(sys.argv[1])
    done: list[str] = []
    where = {"folder": folder / "runs", "records": folder / "records"}
    sweep(RUNS, jobs=2, **where, on_record=lambda run, record: done.append(run.folder))
    print(json.dumps(done))


if __name__ == "__main__":
    main()
