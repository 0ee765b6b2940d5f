"""Write requirements.txt and requirements-dev.txt from what is installed: `make pins`, after the
environment was updated and tested.

Every package that the project needs, directly or through others, gets one line `name==version`, for
Python 3.11 to 3.13 on Linux, macOS and Windows; a marker follows where only some of these need it.
No addresses and no local versions (`+cpu`), so that pip may choose the build that fits the machine.
CUDA's own packages are left to torch.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = {"linux": ("Linux", "posix"), "darwin": ("Darwin", "posix"), "win32": ("Windows", "nt")}
PYTHONS = ("3.11", "3.12", "3.13")
LEFT_TO_TORCH = ("nvidia", "cuda", "triton")
# Needed on systems other than the one where the pins were made, so not installed there.
ELSEWHERE = {"appnope": "0.1.4", "colorama": "0.4.6", "pywinpty": "3.0.3"}


def environments() -> dict[tuple[str, str], dict[str, str]]:
    """The markers of every Python and system that the pins must serve."""
    found = {}
    for python in PYTHONS:
        for system, (platform, os_name) in SYSTEMS.items():
            machine = {"darwin": "arm64", "win32": "AMD64"}.get(system, "x86_64")
            found[python, system] = {k: str(v) for k, v in default_environment().items()} | {
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": system,
                "platform_system": platform,
                "platform_machine": machine,
                "os_name": os_name,
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
            }
    return found


def version_of(name: str) -> str:
    """The installed version without its local part."""
    try:
        return distribution(name).version.split("+")[0]
    except PackageNotFoundError:
        if name in ELSEWHERE:
            return ELSEWHERE[name]
        raise SystemExit(
            f"{name} is needed but not installed: install it, or name its version in tools/pins.py"
        ) from None


def closure(wanted: list[str], environment: dict[str, str]) -> set[str]:
    """All packages that `wanted` needs in `environment`, themselves included."""
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(line) for line in wanted]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name.startswith(LEFT_TO_TORCH):
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen or (
                requirement.marker and not requirement.marker.evaluate(environment | {"extra": ""})
            ):
                continue
            seen.add((name, extra))
            if name in ELSEWHERE:
                continue
            for line in distribution(name).requires or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate(environment | {"extra": extra}):
                    needed.marker = None
                    queue.append(needed)
    return {name for name, _ in seen}


def marker_for(places: set[tuple[str, str]]) -> str:
    """The marker that names `places` among all environments: by system, by Python, or none where
    all need it.
    """
    systems, pythons = {s for _, s in places}, {p for p, _ in places}
    if places != {(p, s) for p in pythons for s in systems}:
        raise SystemExit(f"no simple marker for {sorted(places)}")
    parts = []
    if systems != set(SYSTEMS):
        parts.append(" or ".join(f"sys_platform == '{s}'" for s in sorted(systems)))
    if pythons != set(PYTHONS):
        parts.append(" or ".join(f"python_version == '{p}'" for p in sorted(pythons)))
    text = " and ".join(
        f"({part})" if " or " in part and len(parts) > 1 else part for part in parts
    )
    return f"; {Marker(text)}" if text else ""


def pins(wanted: list[str]) -> list[str]:
    """The lines of a requirements file for `wanted`."""
    needed = {place: closure(wanted, environment) for place, environment in environments().items()}
    names = sorted(set().union(*needed.values()))
    return [
        f"{name}=={version_of(name)}{marker_for({p for p, found in needed.items() if name in found})}"
        for name in names
    ]


def main() -> None:
    """Write both files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    users, developers = (
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"]["dev"],
    )
    users_pins = pins([*users, *project["build-system"]["requires"]])
    head = (
        "# Made by `make pins`: the exact versions the course was tested with, for Python 3.11 to"
        " 3.13.\n"
    )
    (ROOT / "requirements.txt").write_text(head + "\n".join(users_pins) + "\n")
    more = [line for line in pins([*users, *developers]) if line not in users_pins]
    (ROOT / "requirements-dev.txt").write_text(
        head + "-r requirements.txt\n" + "\n".join(more) + "\n"
    )


if __name__ == "__main__":
    main()
