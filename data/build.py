"""Remake the word lists of this folder from their two public sources, and check every count and
checksum on the way.

    python data/build.py                                  download both sources, then build
    python data/build.py --deb FILE.deb --wheel FILE.whl  build from files that you already have

Nothing is written before everything is checked. Run again, it writes the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from nmt.data import COLUMNS, POPULATIONS, SIZES, SPLITS, WordPair, course_pairs
from nmt.pig_latin import RULE_CLASSES

FOLDER = Path(__file__).resolve().parent
DEBIAN_PACKAGE = "r-cran-janeaustenr=1.0.0-1"
WHEEL = "wordsegment==1.3.1"
NOVEL = "sensesensibility"
NORVIG_WORDS = 20_000

CHECKSUMS = {
    "text of the novel": "105e1651fe93bed7130078578efd31e0c557d68667ba672ddc876f735b30fe09",
    "unigrams.txt": "fd27e15b83ee7a55d8e17731a397eb4d389cbe2afd1c26afcba8ee2634c0a6d5",
    "Austen words": "b8669c4c33adf2d6b6ecf1617f2c9c08e0415aba9fa199a46875e628801e8eae",
    "small words": "4591bc87d5a662c1462d2da960ff0da5d4e2fb883025aaa5bec1feed1bd30b98",
    "large words": "20fa687c5193e2b8e3243c7f496f3750c39b5e5cfa1d0d9f2d60dd021d9bcf68",
    "large pairs as in the original course": (
        "ece740b7f16ff3661a554b920f00cc4ec9a75f0f53a8b5292aa5d64888b0ef58"
    ),
}

# Penn Treebank word splitting, as far as it changes which words this novel has. Tried in this
# order.
TREEBANK = [
    (r"\bcannot\b", "can not"),
    (r"[,:]", " "),
    (r"\.\.\.", " "),
    (r"--", " -- "),
    (r"(?<!')'(?= )", " ' "),  # a closing quote
    (r"(?<=\S)('s|n't)\b(?!\n)", r" \1"),  # directly before a line break they stay
]


def check(name: str, content: str | bytes) -> None:
    """Stop the build when `content` is not what the course was made with."""
    found = hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
    if found != CHECKSUMS[name]:
        raise SystemExit(
            f"{name}: sha256 is {found}, expected {CHECKSUMS[name]}; nothing was written"
        )
    print(f"{name}: sha256 {found[:12]}… as expected")


def as_lines(words: Collection[str]) -> str:
    """Sorted, one a line, with a final newline: the form in which every list is hashed."""
    return "".join(f"{word}\n" for word in sorted(words))


def read_novel(deb: bytes) -> str:
    """The text of *Sense and Sensibility* in Debian's package, an R lazy-load database.

    The index (`.rdx`, gzip) says where in the database (`.rdb`) an object's bytes lie. There, four
    bytes of length stand before the zlib stream of one serialized R object: here a vector of the
    novel's lines.
    """
    import rdata

    with tarfile.open(fileobj=io.BytesIO(member_of_ar(deb, "data.tar"))) as archive:
        files = {
            Path(member.name).suffix: member for member in archive if "/data/Rdata" in member.name
        }
        index, database = (archive.extractfile(files[ending]).read() for ending in (".rdx", ".rdb"))  # type: ignore[union-attr]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # "Unknown file type: assumed RDS", which is right
        offset, length = map(
            int,
            rdata.conversion.convert(rdata.parser.parse_data(gzip.decompress(index)))["variables"][
                NOVEL
            ],
        )
        lines = rdata.conversion.convert(
            rdata.parser.parse_data(zlib.decompress(database[offset + 4 : offset + length]))
        )
    return "".join(f"{line}\n" for line in lines)


def member_of_ar(archive: bytes, prefix: str) -> bytes:
    """The first file whose name starts with `prefix` in an `ar` archive, the container of Debian
    packages.
    """
    if not archive.startswith(b"!<arch>\n"):
        raise SystemExit("the Debian package is damaged: it is no ar archive")
    start = 8
    while start < len(archive):
        header = archive[start : start + 60]
        name, size = header[:16].decode().strip(), int(header[48:58])
        if name.startswith(prefix):
            return archive[start + 60 : start + 60 + size]
        start += 60 + size + size % 2  # members begin at even places
    raise SystemExit(f"the Debian package is damaged: no {prefix} in it")


def split_words(text: str) -> set[str]:
    """The word types of a text: lower case, Treebank splitting, and of the result what consists of
    letters and dashes.
    """
    text = text.lower()
    for pattern, replacement in TREEBANK:
        text = re.sub(pattern, replacement, text)
    tokens = (re.sub(r"[^a-z0-9'-]", "", token) for token in text.split())
    return {token for token in tokens if re.fullmatch(r"[a-z-]+", token)}


def read_unigrams(wheel: bytes) -> str:
    """The file of word counts inside the wheel, most frequent first: a word, a tab, its count."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read("wordsegment/unigrams.txt").decode()


def make_files(austen: set[str], norvig: set[str]) -> dict[str, str]:
    """Every data file, as text, from the two populations. Checks sizes and checksums of all of
    them.
    """
    small = set(
        sorted(austen, key=lambda word: hashlib.sha256(f"piglatin-small:{word}".encode()).digest())[
            : SIZES["small"]
        ]
    )
    large, both = austen | norvig, austen & norvig
    population = {
        word: "both" if word in both else "austen" if word in austen else "norvig" for word in large
    }
    pairs = {word: WordPair.of(word, population[word]) for word in sorted(large)}
    course = course_pairs(list(pairs.values()))

    check("Austen words", as_lines(austen))
    check("small words", as_lines(small))
    check("large words", as_lines(large))
    check(
        "large pairs as in the original course",
        as_lines([f"{pair.source} {pair.target}" for pair in course]),
    )
    small_pairs, large_pairs = [pairs[word] for word in sorted(small)], list(pairs.values())
    return {
        "austen.txt": as_lines(austen),
        "small.tsv": as_table(small_pairs),
        "large.tsv": as_table(large_pairs),
        "README.md": with_counts(
            (FOLDER / "README.md").read_text(encoding="utf-8"), small_pairs, large_pairs
        ),
    }


def as_table(pairs: list[WordPair]) -> str:
    """One pair a line, tabs between the columns, under a header line."""
    rows = [COLUMNS] + [
        (pair.source, pair.target, pair.rule_class, pair.split, pair.population) for pair in pairs
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


def with_counts(sheet: str, small: list[WordPair], large: list[WordPair]) -> str:
    """The data sheet with its table of counts filled in, between the two marks."""
    rows = [
        "| words | small | large |",
        "| --- | ---: | ---: |",
        f"| all | {len(small):,} | {len(large):,} |",
    ]
    for field, values in (
        ("split", SPLITS),
        ("rule_class", RULE_CLASSES),
        ("population", POPULATIONS),
    ):
        counts = [Counter(getattr(pair, field) for pair in pairs) for pairs in (small, large)]
        rows += [
            f"| {field} `{value}` | {counts[0][value]:,} | {counts[1][value]:,} |"
            for value in values
        ]
    filled, found = re.subn(
        r"(?s)(<!-- counts: .*? -->\n).*?(?=<!-- end of counts -->)",
        lambda mark: mark[1] + "\n" + "\n".join(rows) + "\n\n",
        sheet,
    )
    if found != 1:
        raise SystemExit("README.md: the marks around the counts are missing; nothing was written")
    return filled


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside it first, then into place."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, suffix=".part", delete=False
    ) as file:
        part = Path(file.name)
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.chmod(0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def download(command: list[str], pattern: str, folder: Path, option: str) -> Path:
    """Fetch one source with its ordinary client."""
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise SystemExit(
            f"could not download with `{' '.join(command[:2])}` ({problem}); fetch it yourself and"
            f" give {option}"
        ) from None
    return next(folder.glob(pattern))


def main() -> None:
    """Read the options, fetch what is not given, check everything, then write."""
    parser = argparse.ArgumentParser(
        description="Remake the word lists from their sources and check them."
    )
    parser.add_argument(
        "--deb", type=Path, help=f"the Debian package {DEBIAN_PACKAGE}, already downloaded"
    )
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {WHEEL}, already downloaded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL]
        deb = options.deb or download(
            ["apt-get", "download", DEBIAN_PACKAGE], "*.deb", folder, "--deb"
        )
        wheel = options.wheel or download(pip, "*.whl", folder, "--wheel")
        novel, unigrams = read_novel(deb.read_bytes()), read_unigrams(wheel.read_bytes())
    check("text of the novel", novel)
    check("unigrams.txt", unigrams)
    austen = split_words(novel[novel.index("CHAPTER 1") :])
    norvig = {line.split("\t")[0] for line in unigrams.splitlines()[:NORVIG_WORDS]}
    files = make_files(austen, norvig)
    for name, text in files.items():
        write_whole(FOLDER / name, text)
        print(f"wrote {name}")


if __name__ == "__main__":
    main()
