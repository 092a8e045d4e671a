"""What a fresh machine relies on: pins for every dependency, licences, and no address of a package registry."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Where packages come from is the user's configuration. Spelt in pieces, because this file is searched too.
REGISTRY_HOSTS = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "anaconda" + ".org"]
# Imported only where an extra is installed, inside the function that needs it.
OWN_OR_OPTIONAL = {"serve_app", "deployments", "benchmarks", "tests", "espeakng_loader"}
INDEX_OPTIONS = ["--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "PIP_INDEX" + "_URL"]


def pins() -> dict[str, Version]:
    found: dict[str, Version] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert canonicalize_name(name) not in found, f"{name} is pinned twice"
            found[canonicalize_name(name)] = Version(version)
    return found


def requirements() -> list[Requirement]:
    groups = [PROJECT["dependencies"], *EXTRAS.values()]
    return [made for group in groups for text in group if (made := Requirement(text)).name != PROJECT["name"]]


def test_every_dependency_has_a_range_and_a_pin_within_it() -> None:
    pinned = pins()
    for requirement in requirements():
        assert requirement.specifier, f"{requirement} has no range"
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (("serve_app", "deployments"), ("engines", "gpu", "rtx")),
        (("tests",), ("test", "engines", "rtx")),
        (("benchmarks",), ("test", "train", "engines", "gpu", "plots")),
    ],
    ids=["code", "tests", "benchmarks"],
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], extras: tuple[str, ...]) -> None:
    """An import that works only because something else happened to be installed breaks on a fresh machine."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in EXTRAS[extra])]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    providers = packages_distributions()
    undeclared = []
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.py")]:
        for root in imported_roots(path) - OWN_OR_OPTIONAL - sys.stdlib_module_names:
            # What no installed package provides goes by its own name: torch is torch.
            if not declared & {canonicalize_name(name) for name in providers.get(root, [root])}:
                undeclared.append(f"{path.relative_to(ROOT)} imports {root}")
    assert undeclared == []


def imported_roots(path: Path) -> set[str]:
    roots = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").split(".")[0])
    return roots


def test_cpu_profile_needs_no_torch_no_compiler_and_nothing_under_the_gpl() -> None:
    names = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert not names & {"torch", "coqui-tts", "tensorrt", "transformers", "pyworld", "espeakng-loader"}


def test_extras_that_the_documents_name_exist() -> None:
    assert {"engines", "espeak", "gpu", "plots", "rtx", "train", "test"} <= set(EXTRAS)


def test_licence_and_notice() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    notice = (ROOT / "NOTICE").read_text("utf-8")
    for name in ("Kokoro", "MediaPipe", "Silero", "espeak-ng"):
        assert name in notice
    for portrait in (ROOT / "deployments/video/portraits").glob("*.[jp][pn]g"):
        assert portrait.name in notice


def repository_files() -> list[Path]:
    """The files that git tracks."""
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout: nothing tells the repository's files from others")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_registry_is_named() -> None:
    pattern = re.compile("|".join(re.escape(word) for word in REGISTRY_HOSTS + INDEX_OPTIONS), re.IGNORECASE)
    named = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in repository_files()
        if b"\0" not in path.read_bytes()[:4096] and (found := pattern.search(path.read_text("utf-8", "replace")))
    ]
    assert named == []


def test_vendored_data_is_packaged() -> None:
    """Every kind of data file beside the code is named in pyproject's package data."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    packaged = {pattern.removeprefix("*") for pattern in tables["*"]} | {".py", "py.typed"}
    inside = [path for path in repository_files() if path.relative_to(ROOT).parts[0] in ("serve_app", "deployments")]
    assert {path.suffix or path.name for path in inside} <= packaged | {".typed"}
