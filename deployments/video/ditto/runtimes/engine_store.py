"""Engines, and the graphs that ONNX Runtime uses in their place, on disk: a folder a key.

Written whole or not at all; read only if every byte is what was written."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.errors import EngineUnusable
from deployments.video.ditto.runtimes.engine_key import EngineKey
from deployments.video.ditto.runtimes.plan_header import REBUILD, Library, require_plan

MANIFEST = "manifest.json"
FORMAT = 1


class StoredEngine(BaseModel):
    """One file of a set, and how far it was from torch where it was built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^[a-z0-9_]+\.(engine|onnx)$")
    size_bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    largest_error: float = Field(ge=0, description="Against torch in fp32, as a share of the largest value there.")
    psnr_db: float = Field(description="Against torch in fp32, of the largest value there; 999 where they are equal.")
    checked: Literal["engine", "graph"] = Field(
        description="What these are of: the engine, or the graph that it comes from, where no card was there to run it."
    )


class Manifest(BaseModel):
    """What a folder of engines holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    key: EngineKey
    engines: dict[str, StoredEngine]


@dataclass(frozen=True, slots=True)
class Built:
    """A fresh engine."""

    plan: bytes
    largest_error: float
    psnr_db: float
    checked: Literal["engine", "graph"]


class EngineStore:
    """The folders under one root. Many processes may read while one writes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: EngineKey, engines: Mapping[str, Built]) -> Path:
        """Store a set under its key, in place of what was there. Returns its folder."""
        self._root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=self._root, prefix=".writing-"))
        try:
            ending = "onnx" if key.library == "onnxruntime" else "engine"
            stored = {name: _write(fresh / f"{name}.{ending}", built) for name, built in engines.items()}
            manifest = Manifest(key=key, engines=stored)
            _write_durably(fresh / MANIFEST, manifest.model_dump_json(indent=2).encode())
            return self._rename(fresh, self._root / key.folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def get(self, key: EngineKey) -> dict[str, bytes]:
        """The plans of a set by graph. Raises EngineUnusable, with the remedy, where they are absent, stale, foreign
        or damaged."""
        folder = self._root / key.folder
        if not folder.is_dir():
            raise EngineUnusable(f"{self._absent(key)} {REBUILD}")
        manifest = read_manifest(folder)
        if manifest.key != key:
            said = "; ".join(key.differences(manifest.key))
            raise EngineUnusable(f"The engines in {folder} are for something else: {said}. {REBUILD}")
        return {name: _read(folder / stored.file, stored, key) for name, stored in manifest.engines.items()}

    def manifests(self) -> dict[Path, Manifest | EngineUnusable]:
        """What each folder says it holds, or what is wrong with that."""
        found: dict[Path, Manifest | EngineUnusable] = {}
        for folder in sorted(self._root.glob("[!.]*")) if self._root.is_dir() else ():
            if folder.is_dir():
                try:
                    found[folder] = read_manifest(folder)
                except EngineUnusable as error:
                    found[folder] = error
        return found

    def check(self, folder: Path) -> list[str]:
        """What is wrong with a stored set, one sentence each: every file is hashed, every header read."""
        try:
            manifest = read_manifest(folder)
        except EngineUnusable as error:
            return [error.message]
        said = []
        for stored in manifest.engines.values():
            try:
                _read(folder / stored.file, stored, manifest.key)
            except EngineUnusable as error:
                said.append(error.message)
        return said

    def _absent(self, key: EngineKey) -> str:
        """That there is no such set, and what the nearest one there is lacks."""
        others = [entry.key for entry in self.manifests().values() if isinstance(entry, Manifest)]
        if not others:
            return f"There are no engines in {self._root}."
        nearest = min(others, key=lambda other: len(key.differences(other)))
        return f"No engines in {self._root} are for {'; '.join(key.differences(nearest))}."

    def _rename(self, fresh: Path, folder: Path) -> Path:
        """A folder cannot replace one that is not empty: the old one steps aside first."""
        old = Path(tempfile.mkdtemp(dir=self._root, prefix=".old-"))
        try:
            if folder.exists():
                folder.rename(old / "set")
            fresh.rename(folder)
        finally:
            shutil.rmtree(old, ignore_errors=True)
        return folder


def read_manifest(folder: Path) -> Manifest:
    """Raises EngineUnusable where it is absent, unreadable or of another format."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise EngineUnusable(f"{folder / MANIFEST} cannot be read ({_first_line(error)}). {REBUILD}") from error
    if manifest.format != FORMAT:
        raise EngineUnusable(f"{folder} has the format {manifest.format}, not {FORMAT}. {REBUILD}")
    return manifest


def _read(path: Path, stored: StoredEngine, key: EngineKey) -> bytes:
    try:
        plan = path.read_bytes()
    except OSError as error:
        raise EngineUnusable(f"{path} cannot be read ({_first_line(error)}). {REBUILD}") from error
    if key.library != "onnxruntime":
        # first the header: who copies a published engine over ours is told what that is
        require_plan(plan, str(path), cast(Library, key.library), key.version)
    if len(plan) != stored.size_bytes or hashlib.sha256(plan).hexdigest() != stored.sha256:
        raise EngineUnusable(f"{path} is not the file that was built: its sha256 differs. {REBUILD}")
    return plan


def _write(path: Path, built: Built) -> StoredEngine:
    _write_durably(path, built.plan)
    digest = hashlib.sha256(built.plan).hexdigest()
    return StoredEngine(
        file=path.name,
        size_bytes=len(built.plan),
        sha256=digest,
        largest_error=built.largest_error,
        psnr_db=built.psnr_db,
        checked=built.checked,
    )


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
