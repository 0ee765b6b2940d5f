"""Make the JavaScript that the course ships from npm packages: `make javascript`.

course/plots/javascript/: the parts of d3 that the attention views need, and licences.
website/katex/: KaTeX for the formulas of the static site, its fonts inside its style sheet, because
a browser may refuse to a page opened from a file any font that lies beside it. Which packages and
versions, says the package.json in each folder. Needs node and npm, and a network; nothing else in
the course does. The same versions give the same files, byte for byte: `--check` says whether they
are the ones that are shipped. A made file's first line names each package in it, with its version.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VIEWS, KATEX = ROOT / "course" / "plots" / "javascript", ROOT / "website" / "katex"
SUBSET, LICENCES = "d3-subset.js", "LICENSES.txt"
BUILD = "--bundle --minify --format=iife --global-name=d3 --charset=ascii --target=es2018".split()
BUILD += "--legal-comments=none --outfile=out.js --metafile=meta.json".split()
INSTALL = "npm install --no-package-lock --ignore-scripts --no-audit --no-fund".split()


def run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`; end with its own words where it fails."""
    if shutil.which(command[0]) is None:
        name = Path(command[0]).name
        raise SystemExit(f"{name} is needed; on Debian and Ubuntu: apt-get install nodejs npm")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed:\n{done.stderr}")


def install(folder: Path, package: Path) -> None:
    """Install in `folder` what `package`, a package.json, names."""
    shutil.copy(package, folder)
    run(INSTALL, folder)


def about(folder: Path, name: str) -> dict[str, str]:
    """The package.json of an installed package."""
    found: dict[str, str] = json.loads(
        (folder / "node_modules" / name / "package.json").read_text()
    )
    return found


def build_views(folder: Path) -> dict[Path, str]:
    """The two files of course/plots/javascript/, made in `folder`."""
    shutil.copy(VIEWS / "entry.js", folder)
    install(folder, VIEWS / "package.json")
    run([str(folder / "node_modules/.bin/esbuild"), "entry.js", *BUILD], folder)
    sources = json.loads((folder / "meta.json").read_text())["outputs"]["out.js"]["inputs"]
    places = [Path(source).parts for source in sources if source.startswith("node_modules/")]
    packages = {name: about(folder, name) for name in sorted({parts[1] for parts in places})}
    names = ", ".join(f"{name} {package['version']}" for name, package in packages.items())
    builder = about(folder, "esbuild")["version"]
    head = f"/* Parts of d3 5: {names}. Copyright Michael Bostock, BSD-3-Clause; made by esbuild"
    licences = [
        "Licences of the JavaScript in this folder, and of bertviz's, which a view takes from the"
        " installed package and changes\n(course/plots/bertviz_view.py says how). entry.js and"
        " stand_ins.js belong to the course: MIT, see LICENSE."
    ]
    for name, package in packages.items():
        text = (folder / "node_modules" / name / "LICENSE").read_text().strip()
        title = f"{name} {package['version']} ({package['license']}), in d3-subset.js"
        licences.append(f"{title}\n\n{text}")
    bertviz = distribution("bertviz")
    (licence,) = (file.locate() for file in bertviz.files or [] if file.name == "LICENSE")
    title = f"bertviz {bertviz.version} (Apache-2.0), in every view; not in this folder"
    licences.append(f"{title}\n\n{Path(str(licence)).read_text().strip()}")
    rule = "\n\n" + "=" * 80 + "\n\n"
    return {
        VIEWS / SUBSET: f"{head} {builder}. */\n" + (folder / "out.js").read_text(),
        VIEWS / LICENCES: rule.join(licences) + "\n",
    }


def build_katex(folder: Path) -> dict[Path, str]:
    """The three files of website/katex/, made in `folder`: of each font only WOFF2, which every
    browser of the last years reads.
    """
    install(folder, KATEX / "package.json")
    package = folder / "node_modules" / "katex"
    version = about(folder, "katex")["version"]
    head = f"/* KaTeX {version}. Copyright Khan Academy and others, MIT. */\n"

    def embed(found: re.Match[str]) -> str:
        font = base64.b64encode((package / "dist" / found[1]).read_bytes()).decode()
        return f'src:url(data:font/woff2;base64,{font}) format("woff2")'

    written = (package / "dist" / "katex.min.css").read_text()
    style = re.sub(r"src:url\((fonts/[\w-]+\.woff2)\)[^;}]*", embed, written)
    if "url(fonts/" in style:
        raise SystemExit("the form of KaTeX's style sheet has changed: a font is not in it")
    script = (package / "dist" / "katex.min.js").read_text()
    return {
        KATEX / "katex.min.js": head + script.rstrip() + "\n",
        KATEX / "katex.min.css": head + style.rstrip() + "\n",
        KATEX / "LICENSE.txt": (package / "LICENSE").read_text(),
    }


def main() -> int:
    """Write all files, or compare them with the stored ones."""
    parser = argparse.ArgumentParser(description="Make the JavaScript that the course ships.")
    help = "write nothing; 1 where a file would change"
    parser.add_argument("--check", action="store_true", help=help)
    check = parser.parse_args().check
    made: dict[Path, str] = {}
    for build in (build_views, build_katex):
        with tempfile.TemporaryDirectory(prefix="javascript-") as folder:
            made |= build(Path(folder))
    changed = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in changed:
        print(f"{path.relative_to(ROOT)}: {'differs from the stored file' if check else 'written'}")
        if not check:
            path.write_text(made[path])
    if not changed:
        print("nothing changed")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
