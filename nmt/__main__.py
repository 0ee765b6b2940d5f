"""The command line: `python -m nmt train | evaluate | translate`. Errors are one line, status 2."""

import argparse
import io
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from tqdm import tqdm

from nmt.allocator import keep_freed_memory
from nmt.checkpoints import KINDS, load_checkpoint, read_config
from nmt.data import load_pairs
from nmt.decoding import translate
from nmt.evaluation import evaluate
from nmt.runs import PRESETS, run
from nmt.training import TrainingConfig, TrainingState


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print one line, whatever breaks were typed, and leave with status 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.splitlines())}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is that of `run_command`."""
    return run_command(_parser(), arguments)


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Run what is asked; exit status 0, 2 for a mistake in what was asked, 130 for an interrupt."""
    for stream in (sys.stdout, sys.stderr):  # a terminal or file may not know "→": then "?"
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parser.parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has enough
        sys.stderr.close()
        return 0
    except (ValueError, OSError, ArithmeticError, RuntimeError) as error:
        print(f"{parser.prog.split()[-1]}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m nmt", description="Train, evaluate and use models that spell Pig Latin."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=OneLineParser)

    about = "Train a model; run again, it goes on where it stopped."
    training = commands.add_parser("train", help="train a model", description=about)
    training.set_defaults(command=_train)
    names = training.add_subparsers(
        required=True, metavar="NAME", dest="name", parser_class=OneLineParser
    )
    for name, preset in PRESETS.items():
        about = f"a {preset.model['kind']} on the {preset.training['data']} data"
        _train_options(names.add_parser(name, help=about), name)

    about = "Loss and word accuracy of a model."
    evaluation = commands.add_parser("evaluate", help="measure a model", description=about)
    evaluation.set_defaults(command=_evaluate)
    _checkpoint_option(evaluation)
    evaluation.add_argument("--data", choices=("small", "large"), default="small")
    evaluation.add_argument("--split", choices=("train", "val", "test"), default="val")
    evaluation.add_argument("--json", action="store_true", help="print JSON")

    about = "Translate a text word by word: letters a to z and dashes. An apostrophe separates."
    translation = commands.add_parser("translate", help="translate text", description=about)
    translation.set_defaults(command=_translate)
    _checkpoint_option(translation)
    translation.add_argument("text", metavar="TEXT", help="a text, or - for standard input's lines")
    return parser


def _checkpoint_option(parser: argparse.ArgumentParser) -> None:
    what = "a .safetensors file, or a name such as transformer-small"
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=what)


def _train_options(parser: argparse.ArgumentParser, name: str) -> None:
    preset = PRESETS[name]
    defaults = {"model": KINDS[preset.model["kind"]][1](), "training": TrainingConfig()}
    for part, config in defaults.items():
        group = parser.add_argument_group(f"{part} (defaults are those of {name})")
        for item in fields(config):
            flag, kind = "--" + item.name.replace("_", "-"), type(item.default)
            default = getattr(preset, part).get(item.name, item.default)
            how: dict[str, Any] = {"type": kind, "metavar": kind.__name__.upper()}
            if kind is bool:
                how = {"action": argparse.BooleanOptionalAction}
            group.add_argument(
                flag, dest=f"{part}.{item.name}", default=None, help=f"default {default}", **how
            )
    settings = "TOML with tables [model] and [training]; flags go before it"
    parser.add_argument("--config", type=Path, metavar="FILE", help=settings)
    folder = f"folder of the run, by default runs/{name}-seedSEED"
    parser.add_argument("--out", type=Path, metavar="DIR", help=folder)
    cores = "CPU threads, by default all cores"
    parser.add_argument("--threads", type=int, metavar="INT", help=cores)


def _settings(options: argparse.Namespace) -> tuple[dict[str, Any], TrainingConfig]:
    """Preset, then file, then flags: what comes later wins."""
    preset = PRESETS[options.name]
    parts = {"model": dict(preset.model), "training": dict(preset.training)}
    if options.config:
        for part, values in _read_toml(options.config).items():
            if part not in parts or not isinstance(values, dict):
                known = "a config has the tables [model] and [training]"
                raise ValueError(f"{options.config}: unknown key {part!r}; {known}")
            parts[part] |= values
    for flag, value in vars(options).items():
        part, _, key = flag.partition(".")
        if key and value is not None:
            parts[part][key] = value
    kind = parts["model"].pop("kind")
    if kind != preset.model["kind"]:
        named = f"{options.name} is a {preset.model['kind']}"
        raise ValueError(f"{options.config}: a model of kind {kind!r}, but {named}")
    model = asdict(read_config(KINDS[kind][1], parts["model"]))
    return {"kind": kind, **model}, read_config(TrainingConfig, parts["training"])


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: not TOML ({error})") from None


def _train(options: argparse.Namespace) -> int:
    if options.threads is not None:
        if options.threads < 1:
            raise ValueError(f"--threads must be at least 1, not {options.threads}")
        torch.set_num_threads(options.threads)
    keep_freed_memory()
    model_data, config = _settings(options)
    out = options.out or Path("runs") / f"{options.name}-seed{config.seed}"
    with tqdm(total=config.epochs, desc=options.name, unit="epoch", disable=None) as bar:
        record = run(options.name, model_data, config, out, on_epoch=_progress(bar))
    if record is None:
        print(f"interrupted; the same command goes on where {out} stopped", file=sys.stderr)
        return 130
    last = record["last"]
    print(
        f"{out / 'model.safetensors'}: {record['parameters']:,} parameters,"
        f" {config.epochs} epochs, validation loss {last['val_loss']:.4f} nats per token, word"
        f" accuracy {last['val_accuracy']:.2%}"
    )
    return 0


def _progress(bar: tqdm) -> Callable[[TrainingState], None]:
    def after_epoch(state: TrainingState) -> None:
        row = state.progress.epochs[-1]
        bar.update(row["epoch"] - bar.n)
        loss, words = f"{row['val_loss']:.3f}", f"{row['val_accuracy']:.1%}"
        bar.set_postfix(loss=loss, words=words, refresh=False)

    return after_epoch


def _evaluate(options: argparse.Namespace) -> int:
    model = load_checkpoint(options.checkpoint).model
    result = evaluate(model, load_pairs(options.data, options.split))
    if options.json:
        rounded = {name: round(getattr(result, name), 6) for name in ("loss", "word_accuracy")}
        print(json.dumps({**rounded, "words": result.words}))
        return 0
    print(f"{options.data}, {options.split}: {result.words:,} words")
    print(
        f"loss {result.loss:.4f} nats per token, word accuracy {result.word_accuracy:.2%},"
        f" {len(result.mistakes)} wrong"
    )
    for wrong in result.mistakes:
        print(f"  {wrong.source} → {wrong.answer}, right: {wrong.target} ({wrong.rule_class})")
    return 0


def _translate(options: argparse.Namespace) -> int:
    model = load_checkpoint(options.checkpoint).model
    for line in _standard_input() if options.text == "-" else [options.text]:
        result = translate(model, line)
        print(result.text, flush=True)
        for piece, reason in result.untranslated:
            print(f"nmt: {piece!r} stays as it is: {reason}", file=sys.stderr)
    return 0


def _standard_input() -> Iterator[str]:
    """Its lines, each as it comes; one with bytes that are no text is named, after those before."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    for number, line in enumerate(sys.stdin, start=1):
        line = line.rstrip("\n").removeprefix("\ufeff" if number == 1 else "")
        if re.search("[\ud800-\udfff]", line):
            raise ValueError(f"standard input, line {number}: not text in {sys.stdin.encoding}")
        yield line


if __name__ == "__main__":
    sys.exit(main())
