"""One small task for sequence-to-sequence learning: English words in Pig Latin, letter by letter.

Which file belongs to which notebook:

    01_data                   pig_latin  data  batches
    02_attention              attention  positions
    03_transformer            transformer  training  evaluation  decoding  checkpoints
    04_discretization         discretization
    05_scans                  scan  parallel_scan
    06_mamba                  selective_scan  selective_ssm  mamba
    07_interpretability       trace  interventions  hidden_attention
    08_embeddings_and_memory  hidden_attention
    09_lab_report             runs  __main__

and two helpers: `files` writes a file whole or not at all, `allocator` is a switch of glibc.
Nothing here draws, asks or grades: that is the package `course`, which imports `nmt` and is never
imported by it.
"""

from pathlib import Path

__version__ = "0.1.0"
ROOT = Path(__file__).resolve().parents[1]  # the project's folder, with data/ and assets/ in it
