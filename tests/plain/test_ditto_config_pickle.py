"""Configuration pickles: the published layout is read, whichever numpy wrote it; everything else is refused unread."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.errors import WeightsMissing
from deployments.video.ditto import plain_pickle
from deployments.video.ditto.config_pickle import load_config
from deployments.video.ditto.motion.settings import MotionSettings, from_published
from tests.ditto_weights import n

pytestmark = pytest.mark.plain

WIDTHS = {"pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63, "scale": 1, "kp": 63}


def published() -> dict[str, Any]:
    """What a published file holds, with arrays of our own."""
    kwargs: dict[str, Any] = {
        "online_mode": True,
        "max_size": 1920,
        "template_n_frames": -1,
        "crop_scale": 2.3,
        "crop_vy_ratio": -0.125,
        "crop_flag_do_rot": True,
        "smo_k_s": 13,
        "emo": np.abs(n("emo", (600, 8))),
        "eye_f0_mode": False,
        "ch_info": {
            "x_s_info_lst": [{key: n(f"ch:{key}", (1, width)) for key, width in WIDTHS.items()}],
            "sc": n("ch:kp", (1, 63)).flatten(),
            "eye_open_lst": [n(f"open{i}", (1, 2)) for i in range(3)],
            "eye_ball_lst": [n(f"ball{i}", (1, 6)) for i in range(3)],
        },
        "overlap_v2": 70,
        "fix_kp_cond": 1,
        "fix_kp_cond_dim": [0, 202],
        "sampling_timesteps": 10,
        "v_min_max_for_clip": np.sort(n("bounds", (4, 265)), axis=0),
        "smo_k_d": 3,
        "N_d": -1,
        "use_d_keys": None,
        "relative_d": True,
        "drive_eye": None,
        "delta_eye_arr": n("blink", (15, 63)).astype(np.float64),
        "delta_eye_open_n": 0,
        "fade_type": "d0",
        "fade_out_keys": ["exp"],
        "flag_stitching": True,
        "overall_ctrl_info": {"delta_pitch": np.float32(2)},
    }
    model = {"model_path": "lmdm.engine", "motion_feat_dim": 265, "audio_feat_dim": 1103, "seq_frames": 80}
    return {"base_cfg": {"decoder_cfg": {"model_path": "d"}}, "audio2motion_cfg": model, "default_kwargs": kwargs}


def written(value: object, folder: Path, protocol: int = 4) -> Path:
    path = folder / "config.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_published_layout_is_read(core: bytes, protocol: int, tmp_path: Path) -> None:
    blob = pickle.dumps(published(), protocol)
    if core == b"numpy.core":
        # As numpy 1 writes it: texts carry their length before them from protocol 4 on.
        for name in (b"multiarray", b"numeric"):
            old, new = b"numpy._core." + name, b"numpy.core." + name
            blob = blob.replace(bytes([len(old)]) + old, bytes([len(new)]) + new).replace(b"c" + old, b"c" + new)
        blob = unframed(blob) if protocol >= 4 else blob
    path = tmp_path / "config.pkl"
    path.write_bytes(blob)
    found, expected = load_config(path), published()["default_kwargs"]
    assert found.reference and found.emotions is not None and found.blink is not None and found.bounds is not None
    np.testing.assert_array_equal(found.emotions, expected["emo"])
    np.testing.assert_array_equal(found.blink, expected["delta_eye_arr"].astype(np.float32))
    np.testing.assert_array_equal(found.bounds, expected["v_min_max_for_clip"][:2])
    np.testing.assert_array_equal(found.reference.motion.exp, expected["ch_info"]["x_s_info_lst"][0]["exp"])
    np.testing.assert_array_equal(found.reference.points, expected["ch_info"]["sc"])
    assert found.reference.eye_open.shape == (3, 2) and found.reference.eye_ball.shape == (3, 6)
    assert {array.dtype for array in (found.emotions, found.blink, found.bounds)} == {np.dtype(np.float32)}
    assert not {"ch_info", "emo", "delta_eye_arr", "v_min_max_for_clip"} & set(found.values)
    assert found.values["fix_kp_cond_dim"] == [0, 202] and found.values["overall_ctrl_info"] == {"delta_pitch": 2.0}
    assert type(found.values["overall_ctrl_info"]["delta_pitch"]) is float  # type: ignore[index]


def unframed(blob: bytes) -> bytes:
    """A pickle of one frame without it: its length is no longer right."""
    at = 2
    assert blob[at : at + 1] == b"\x95"
    return blob[:at] + blob[at + 9 :]


def test_values_are_the_settings_of_motion(tmp_path: Path) -> None:
    found = load_config(written(published(), tmp_path))
    settings = MotionSettings.model_validate(from_published(found.values))
    assert (settings.mode, settings.window_overlap, settings.diffusion_steps) == ("online", 70, 10)
    assert settings.reset_windows == 1 and settings.controls.delta_pitch == 2


def test_what_is_not_in_the_file_is_none(tmp_path: Path) -> None:
    found = load_config(written({"default_kwargs": {"emo": 4, "ch_info": None}}, tmp_path))
    assert found.values == {"emo": 4}
    assert (found.emotions, found.reference, found.blink, found.bounds) == (None, None, None, None)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"gone\.pkl does not exist.*avatar models pull ditto-config"):
        load_config(tmp_path / "gone.pkl")


def changed(path: str, value: object) -> dict[str, Any]:
    """The published layout with one entry replaced."""
    whole = published()
    *way, last = path.split(".")
    at: Any = whole
    for key in way:
        at = at[key]
    at[last] = value
    return whole


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2], "not a table"),
        ({"base_cfg": {}}, "default_kwargs is not a table"),
        (changed("audio2motion_cfg.motion_feat_dim", 264), "motion_feat_dim is 264"),
        (changed("default_kwargs.delta_eye_arr", np.zeros((15, 62))), "delta_eye_arr"),
        (changed("default_kwargs.v_min_max_for_clip", np.zeros((1, 265))), "least and most"),
        (changed("default_kwargs.v_min_max_for_clip", -np.sort(n("b", (4, 265)), axis=0)), "least and most"),
        (changed("default_kwargs.emo", np.full((600, 8), np.nan)), "emo"),
        (changed("default_kwargs.ch_info", {"sc": np.zeros(63)}), "x_s_info_lst"),
        (changed("default_kwargs.ch_info.sc", np.zeros(126)), "sc has 2 rows"),
        (changed("default_kwargs.ch_info.eye_open_lst", []), "eye_open_lst"),
        (changed("default_kwargs.ch_info.x_s_info_lst", [{"exp": np.zeros((1, 63))}]), "rows of 1"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(value: object, reason: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=rf"config\.pkl is not a configuration.*{reason}.*pull ditto-config"):
        load_config(written(value, tmp_path))


class Order:
    """Calls something on being read, as hostile pickles do."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    orders = (
        Order(os.system, f"touch {witness}"),
        Order(open, str(witness), "w"),
        Order(getattr, "", "join"),
        Order(np.load, str(witness)),
        Order(eval, "1"),
        Order(bytearray, 1 << 40),
    )
    for order in orders:
        for protocol in (2, 4, 5):
            with pytest.raises(WeightsMissing, match="no place in plain data"):
                load_config(written(changed("default_kwargs.emo", order), tmp_path, protocol))
    assert not witness.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}, os], dtype=object)[:1],
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, "M8[s]"),
        OrderedDict(a=1),
        {1, 2},
        1j,
        Path("x"),
        {(1, 2): 3},
    ],
)
def test_anything_but_plain_data_is_refused(value: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="is not a configuration"):
        load_config(written(changed("default_kwargs.more", value), tmp_path))


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01bt"
FLOATS = b"(cnumpy\ndtype\n(X\x02\x00\x00\x00f4tR"


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\x80\x04", "", id="cut"),
        pytest.param(bytes(range(256)), "", id="noise"),
        pytest.param(b"\x80\x02r\xff\xff\xff\x7f.", "", id="memo of 2 GB"),
        pytest.param(b"\x80\x02Nr\xff\xff\xff\x7f.", "memo is larger", id="memo of 2 GB, filled"),
        pytest.param(b"\x80\x05\x96" + struct.pack("<Q", 1 << 42) + b".", "", id="bytes of 4 TB"),
        pytest.param(b"\x80\x02]q\x00h\x00a.", "more parts", id="list in itself"),
        pytest.param(b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.", "given a state", id="name with a state"),
        pytest.param(b"\x80\x02cnumpy\ndtype\nN}X\x05\x00\x00\x00_makeNs\x86b.", "given a state", id="name with slots"),
        pytest.param(b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00ao.", "OBJ", id="OBJ"),
        pytest.param(b"\x80\x02X\x01\x00\x00\x00aQ.", "BINPERSID", id="persistent"),
        pytest.param(b"\x80\x02\x82\x01.", "EXT1", id="extension"),
        pytest.param(b"\x80\x02cnumpy\nndarray\n.", "_Name", id="a bare name"),
        pytest.param(
            b"\x80\x02" + RECONSTRUCT + b"R(K\x01K\x09\x85" + FLOATS[1:] + b"\x89C\x04abcdtb.", "shape", id="short"
        ),
        pytest.param(
            b"\x80\x02" + RECONSTRUCT + b"R(K\x01J\xff\xff\xff\xff\x85" + FLOATS[1:] + b"\x89C\x00tb.",
            "shape",
            id="less",
        ),
    ],
)
def test_crafted_files_are_refused(blob: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "config.pkl"
    path.write_bytes(blob)
    with pytest.raises(WeightsMissing, match=f"is not a configuration.*{reason}"):
        load_config(path)


def test_a_few_bytes_do_not_become_gigabytes(tmp_path: Path) -> None:
    nested: object = [0]
    for _ in range(12):
        nested = [nested] * 12
    with pytest.raises(WeightsMissing, match="more parts"):
        load_config(written(nested, tmp_path))
    path = tmp_path / "large.pkl"
    path.write_bytes(pickle.dumps(bytes(plain_pickle.MOST_BYTES)))
    with pytest.raises(WeightsMissing, match="more than"):
        load_config(path)


def test_every_cut_and_many_changes_are_refused_or_read(tmp_path: Path) -> None:
    blob = pickle.dumps({"default_kwargs": {"a": np.arange(3.0), "b": [1, None, "x"]}}, 4)
    path, random = tmp_path / "config.pkl", np.random.default_rng(0)
    for trial in range(300):
        damaged = bytearray(blob[: len(blob) if trial % 2 else trial // 2 % len(blob)])
        if trial % 2:
            damaged[random.integers(len(damaged))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            load_config(path)
        except WeightsMissing as error:
            assert "ditto-config" in error.message


def test_the_file_is_read_and_nothing_more(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pickle.dump({"default_kwargs": {"N_d": 5}}, buffer)
    path = tmp_path / "config.pkl"
    path.write_bytes(buffer.getvalue() + b"anything")
    assert load_config(path).values == {"N_d": 5}
