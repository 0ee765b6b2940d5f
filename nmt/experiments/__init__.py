"""Named runs and whole experiments: what to train, as plain data, how runs go side by side, and the records they leave behind."""

from nmt.experiments.one_run import run
from nmt.experiments.presets import PRESETS, Preset
from nmt.experiments.records import (
    RECORDS,
    find_records,
    load_records,
    make_record,
    read_record,
    settings_key,
    write_record,
    wrong_words,
)

__all__ = [
    "PRESETS",
    "RECORDS",
    "Preset",
    "find_records",
    "load_records",
    "make_record",
    "read_record",
    "run",
    "settings_key",
    "write_record",
    "wrong_words",
]
