"""pyproject.toml, environment.yml and the pins describe one environment, and the code imports
nothing outside it.
"""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}  # conda-forge's name → pip's, where they differ
# The package's name → what one imports, where they differ.
MODULES = {"scikit-learn": "sklearn", "pyyaml": "yaml", "pillow": "PIL", "ipython": "IPython"}
MODULES |= {"websocket-client": "websocket"}
OF_CUDA = ("nvidia", "cuda", "triton")
# Debian 12's, Ubuntu 24.04's, and the first of the newest line.
PATCH_VERSIONS = ("3.11.2", "3.12.3", "3.13.0")


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}


def pins(name: str) -> dict[str, Version]:
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)( ; .+)?", line)
            assert match, f"{name}: {line!r} is not name==version, without an address or +local"
            found[match[1]] = Version(match[2])
    return found


USERS = ranges(PROJECT["dependencies"])
DEVELOPERS = ranges(PROJECT["optional-dependencies"]["dev"])
CLUSTER = ranges(PROJECT["optional-dependencies"]["cluster"])


def conda() -> tuple[dict[str, SpecifierSet], list[str]]:
    """Names as pip has them with their ranges, and the plain lines for pip."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    by_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    found = ranges([entry for entry in entries if isinstance(entry, str)])
    found |= ranges([line for line in by_pip if not line.startswith("-")])
    return {CONDA_NAMES.get(name, name): r for name, r in found.items()}, by_pip


def test_conda_and_pip_ask_for_the_same_packages_in_the_same_ranges():
    found, by_pip = conda()
    assert found.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert found.pop("pip") == SpecifierSet()
    assert found == USERS
    assert by_pip[-1] == "--editable .", "the project itself comes last, by pip"


def test_developers_have_every_extra():
    """What is optional for users is tested by developers, in the same range."""
    assert CLUSTER.items() <= DEVELOPERS.items()


def test_every_dependency_is_bounded_on_both_sides():
    for name, specifiers in (USERS | DEVELOPERS).items():
        found = {s.operator for s in specifiers}
        assert found == {">=", "<"}, f"{name}: give it a lower and an upper bound"


@pytest.mark.parametrize(
    ("name", "asked"), [("requirements.txt", USERS), ("requirements-dev.txt", DEVELOPERS)]
)
def test_pins_lie_in_the_ranges(name, asked):
    pinned = pins(name)
    for package, specifiers in asked.items():
        assert package in pinned, f"{package} has no pin: run make pins"
        assert pinned[package] in specifiers, f"{package}: the pin lies outside {specifiers}"


def test_developers_have_the_users_pins_and_more():
    assert pins("requirements.txt").items() < pins("requirements-dev.txt").items()


def test_cudas_own_packages_are_left_to_torch():
    """Its CPU build needs none of these gigabytes; their names stand in pyproject.toml."""
    assert not {name for name in pins("requirements-dev.txt") if name.startswith(OF_CUDA)}


def test_what_a_pin_needs_is_pinned_in_a_version_that_fits():
    """The files are closed: whatever a pinned package asks for on this machine is pinned too, in a
    version it accepts.
    """
    pinned = pins("requirements-dev.txt")
    for package in pinned:
        try:
            needed = metadata(package).get_all("Requires-Dist") or []
        except PackageNotFoundError:
            continue  # for another system or another Python
        for requirement in map(Requirement, needed):
            name = canonicalize_name(requirement.name)
            if name.startswith(OF_CUDA) or (
                requirement.marker and not requirement.marker.evaluate({"extra": ""})
            ):
                continue
            assert name in pinned, f"{package} needs {name}, which has no pin: run make pins"
            fits = requirement.specifier.contains(pinned[name], prereleases=True)
            assert fits, f"{package} needs {requirement}, pinned is {pinned[name]}"


def test_pins_can_be_installed_on_every_python_we_promise():
    for package in pins("requirements-dev.txt"):
        try:
            wanted = metadata(package).get("Requires-Python")
        except PackageNotFoundError:
            continue
        for python in PATCH_VERSIONS:
            fits = wanted is None or python in SpecifierSet(wanted)
            assert fits, f"{package} needs Python {wanted}; {python} is promised"


def test_the_code_imports_only_what_is_declared():
    """A package that happens to be there, because another needs it, may be gone tomorrow."""
    users = {MODULES.get(name, name) for name in USERS}
    developers = users | {MODULES.get(name, name) for name in DEVELOPERS}
    for folder in ("nmt", "course", "data", "tests", "tools", "website"):
        allowed = users if folder in ("nmt", "course") else developers
        places = [path for name in (folder, "website", "tools", "assets") for path in files(name)]
        local = {path.stem for path in places} | {"nmt", "course", "tests"}
        for path in files(folder):
            mine = allowed | (set(CLUSTER) if path.name == "cluster.py" else set())
            strange = imports(path) - local - set(sys.stdlib_module_names) - mine
            assert not strange, f"{path} imports {strange}, which pyproject.toml does not name"


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The packages that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_no_clone_gets_other_line_ends():
    """Whatever git is told on Windows: `bash` and old versions of make stumble over a CR."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()
    ours = [*ROOT.glob("*"), *(ROOT / ".ci").glob("*"), *(ROOT / "tools").glob("*")]
    for path in (*ours, *(ROOT / "course").rglob("*.py"), *(ROOT / "nmt").rglob("*.py")):
        assert path.is_dir() or b"\r\n" not in path.read_bytes(), path
