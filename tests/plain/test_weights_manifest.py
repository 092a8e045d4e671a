"""The manifest as data: complete, pinned, and licensed."""

import pytest

from deployments.errors import NotFound
from deployments.weights.manifest import HubSource, Manifest, RegistrySource, WeightFile, load_manifest
from deployments.weights.settings import WeightsSettings


def all_files() -> list[WeightFile]:
    return [file for weight_set in load_manifest().sets for file in weight_set.files]


def test_default_sets_are_those_of_the_cpu_profile() -> None:
    names = {weight_set.name for weight_set in load_manifest().defaults()}
    assert names == {"whisper-base", "qwen2.5-coder-0.5b-instruct", "kokoro-v1.0-int8", "speaker-encoder"}


def test_every_set_names_its_licence() -> None:
    for weight_set in load_manifest().sets:
        assert weight_set.licence.name and weight_set.licence.notice and weight_set.licence.url.startswith("https://")


def test_hub_files_are_pinned_to_a_commit() -> None:
    for file in all_files():
        for source in file.sources:
            if isinstance(source, HubSource):
                assert len(source.revision) == 40 and int(source.revision, 16)


def test_every_file_of_the_default_profile_can_be_had_without_a_hub() -> None:
    files = [file for weight_set in load_manifest().defaults() for file in weight_set.files]
    assert all(any(isinstance(source, RegistrySource) for source in file.sources) for file in files)


def test_the_sets_of_the_gpu_profile_are_there_and_optional() -> None:
    names = ("whisper-large-v3-turbo", "whisper-large-v3", "xtts-v2", "ditto-pytorch", "ditto-hubert", "ditto-config")
    for name in (*names, "ditto-landmarks", "ditto-insightface"):
        assert not load_manifest().get(name).default


def test_non_commercial_licences_ask_for_consent() -> None:
    asking = {
        weight_set.name: weight_set.licence.key for weight_set in load_manifest().sets if weight_set.licence.consent
    }
    assert asking == {"xtts-v2": "cpml", "ditto-insightface": "insightface"}
    assert all("non-commercial" in load_manifest().get(name).licence.notice for name in asking)


def test_only_what_a_hub_vouches_for_may_lack_its_sha256() -> None:
    unlisted = [file for file in all_files() if file.sha256 is None]
    assert unlisted and all(isinstance(source, HubSource) for file in unlisted for source in file.sources)
    raw = load_manifest().model_dump(mode="json")
    raw["sets"][0]["files"][0]["sha256"] = None
    with pytest.raises(ValueError, match="no sha256"):
        Manifest.model_validate(raw)
    raw = load_manifest().model_dump(mode="json")
    raw["sets"][0]["licence"]["consent"] = True
    with pytest.raises(ValueError, match="consent"):
        Manifest.model_validate(raw)


def test_the_hub_is_tried_before_the_registry() -> None:
    for file in all_files():
        kinds = [source.kind for source in file.sources]
        assert kinds == sorted(kinds, key=lambda kind: kind == "registry")


def test_unknown_set_is_named_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match="whisper-base"):
        load_manifest().get("whisper-gigantic")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", ".hidden", "a/b", ""])
def test_names_cannot_leave_the_cache(name: str) -> None:
    raw = load_manifest().model_dump(mode="json")
    raw["sets"][0]["files"][0]["name"] = name
    with pytest.raises(ValueError, match="name"):
        Manifest.model_validate(raw)


def test_settings_refuse_unknown_keys_and_expand_home() -> None:
    with pytest.raises(ValueError, match="cache_directory"):
        WeightsSettings.model_validate({"cache_directory": "/tmp"})
    assert "~" not in str(WeightsSettings().cache_dir)
