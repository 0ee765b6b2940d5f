"""Make nmt/javascript/d3-subset.js and its licences from the npm packages that nmt/javascript/package.json names: `make javascript`.

Needs node and npm, and a network; nothing else in the course does. The same versions give the same file, byte for byte: `--check` says
whether it is the one that is shipped. The file's first line names each package that is in it, with its version.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "nmt" / "javascript"
SUBSET, LICENCES = "d3-subset.js", "LICENSES.txt"
BUILD = ["--bundle", "--minify", "--format=iife", "--global-name=d3", "--charset=ascii", "--target=es2018", "--legal-comments=none"]


def run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`; end with its own words where it fails."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{Path(command[0]).name} is needed; on Debian and Ubuntu: apt-get install nodejs npm")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed:\n{done.stderr}")


def build(folder: Path) -> dict[str, str]:
    """The two files by name, made in `folder`."""
    for name in ("package.json", "entry.js"):
        shutil.copy(FOLDER / name, folder)
    run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    run([str(folder / "node_modules/.bin/esbuild"), "entry.js", *BUILD, "--outfile=out.js", "--metafile=meta.json"], folder)
    sources = json.loads((folder / "meta.json").read_text())["outputs"]["out.js"]["inputs"]
    packages = sorted({Path(source).parts[1] for source in sources if source.startswith("node_modules/")})
    descriptions = {name: json.loads((folder / "node_modules" / name / "package.json").read_text()) for name in packages}
    names = ", ".join(f"{name} {description['version']}" for name, description in descriptions.items())
    builder = json.loads((folder / "node_modules/esbuild/package.json").read_text())["version"]
    head = f"/* Parts of d3 5: {names}. Copyright Michael Bostock, BSD-3-Clause; made by esbuild {builder}. */\n"
    licences = [
        "Licences of the JavaScript in this folder, and of bertviz's, which a view takes from the installed package and changes\n"
        "(nmt/attention_view.py says how). entry.js and stand_ins.js belong to the course: MIT, see LICENSE."
    ]
    for name, description in descriptions.items():
        text = (folder / "node_modules" / name / "LICENSE").read_text().strip()
        licences.append(f"{name} {description['version']} ({description['license']}), in d3-subset.js\n\n{text}")
    bertviz = distribution("bertviz")
    text = next(Path(str(file.locate())).read_text() for file in bertviz.files or [] if file.name == "LICENSE").strip()
    licences.append(f"bertviz {bertviz.version} (Apache-2.0), in every view; not in this folder\n\n{text}")
    rule = "\n\n" + "=" * 80 + "\n\n"
    return {SUBSET: head + (folder / "out.js").read_text(), LICENCES: rule.join(licences) + "\n"}


def main() -> int:
    """Write both files, or compare them with the stored ones."""
    parser = argparse.ArgumentParser(description="Make the JavaScript that the attention views need from npm packages.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where a file would change")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="javascript-") as folder:
        made = build(Path(folder))
    changed = [name for name, text in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text]
    for name in changed:
        print(f"{name}: {'differs from the stored file' if check else 'written'}")
        if not check:
            (FOLDER / name).write_text(made[name])
    if not changed:
        print("nothing changed")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
