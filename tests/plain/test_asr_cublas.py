"""cuBLAS as pip installs it is loaded before CTranslate2 asks for it by its name."""

from pathlib import Path

import pytest

from deployments.asr import cublas

pytestmark = pytest.mark.plain


def test_what_pip_installed_is_loaded_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    for name in ("libcublas.so.12", "libcublasLt.so.12"):
        (folder / name).touch()
    loaded: list[str] = []
    monkeypatch.setattr(cublas.ctypes, "CDLL", lambda path, mode: loaded.append(path))
    monkeypatch.syspath_prepend(tmp_path)
    cublas.load_cublas()
    assert loaded == [str(folder / "libcublasLt.so.12"), str(folder / "libcublas.so.12")]


def test_without_the_package_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cublas.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(cublas.ctypes, "CDLL", lambda *_: pytest.fail("loaded something"))
    cublas.load_cublas()
