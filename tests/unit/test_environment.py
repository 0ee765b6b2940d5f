"""pyproject.toml, environment.yml and the pins describe one environment. That the code imports
nothing outside it: test_imports.py.
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from nmt import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}  # conda-forge's name → pip's, where they differ
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


def test_conda_and_pip_ask_for_the_same_packages_in_the_same_ranges():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    by_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    assert by_pip[-1] == "--editable .", "the project itself comes last, by pip"
    found = ranges([entry for entry in entries if isinstance(entry, str)] + by_pip[:-1])
    assert found.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert found.pop("pip") == SpecifierSet()
    assert {CONDA_NAMES.get(name, name): asked for name, asked in found.items()} == USERS


def test_developers_have_every_extra():
    """What is optional for users is tested by developers, in the same range."""
    assert CLUSTER.items() <= DEVELOPERS.items()


def test_every_dependency_is_bounded_on_both_sides():
    for name, specifiers in (USERS | DEVELOPERS).items():
        found = {s.operator for s in specifiers}
        assert found == {">=", "<"}, f"{name}: give it a lower and an upper bound"


def test_pins_lie_in_the_ranges_and_developers_have_those_of_users():
    users, developers = pins("requirements.txt"), pins("requirements-dev.txt")
    assert users.items() < developers.items()
    for pinned, asked in ((users, USERS), (developers, DEVELOPERS)):
        for package, specifiers in asked.items():
            assert package in pinned, f"{package} has no pin: run make pins"
            assert pinned[package] in specifiers, f"{package}: its pin lies outside {specifiers}"


def test_cudas_own_packages_are_left_to_torch():
    """Its CPU build needs none of these gigabytes; their names stand in pyproject.toml."""
    assert not {name for name in pins("requirements-dev.txt") if name.startswith(OF_CUDA)}


def test_what_is_pinned_fits_together_on_every_python_we_promise():
    """The files are closed: whatever a pinned package asks for on this machine is pinned too, in a
    version it accepts.
    """
    pinned = pins("requirements-dev.txt")
    for package in pinned:
        try:
            about = metadata(package)
        except PackageNotFoundError:
            continue  # for another system or another Python
        wanted = SpecifierSet(about.get("Requires-Python") or "")
        for python in PATCH_VERSIONS:
            assert python in wanted, f"{package} needs Python {wanted}; {python} is promised"
        for requirement in map(Requirement, about.get_all("Requires-Dist") or []):
            name, marker = canonicalize_name(requirement.name), requirement.marker
            if name.startswith(OF_CUDA) or (marker and not marker.evaluate({"extra": ""})):
                continue
            assert name in pinned, f"{package} needs {name}, which has no pin: run make pins"
            fits = requirement.specifier.contains(pinned[name], prereleases=True)
            assert fits, f"{package} needs {requirement}, pinned is {pinned[name]}"


def test_no_clone_gets_other_line_ends():
    """Whatever git is told on Windows: `bash` and old versions of make stumble over a CR."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()
    ours = [*ROOT.glob("*"), *(ROOT / ".ci").glob("*"), *(ROOT / "tools").glob("*")]
    for path in (*ours, *(ROOT / "course").rglob("*.py"), *(ROOT / "nmt").rglob("*.py")):
        assert path.is_dir() or b"\r\n" not in path.read_bytes(), path
