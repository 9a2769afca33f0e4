"""Training: samples, bodies, a short run that resumes and exports."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import latent as latent_module
from jumps_blender.model_runtime import weights_files
from jumps_blender.model_runtime.baselines import RidgeEngine
from jumps_blender.model_runtime.direct_network import DirectConfig, DirectNetwork
from jumps_blender.model_runtime.features import FEATURES
from jumps_blender.model_runtime.latent import LatentSettings
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12, JOINTS, PARENTS
from training import export as export_module
from training.bodies import exchanged, measure
from training.data import SampleSettings, SampleStream, sample, split
from training.loop import _optimizers
from training.results import cases
from training.sheets import case_sheet
from training.train_direct import TrainSettings, train
from training.train_jumps import JumpsSettings
from training.train_jumps import train as train_jumps

from .test_evaluation import write_archive

L_HIP, L_SHOULDER, NECK = (JOINTS.index(name) for name in ("l_hip", "l_shoulder", "neck"))


@pytest.fixture
def archive(tmp_path):
    clips = {"cmu_02.a": 200, "s1.a": 300, "s1.b": 90, "s2.a": 200}
    return write_archive(tmp_path / "train.npz", clips)


class Always:
    """Random numbers that exchange everything, without noise."""

    def uniform(self, _low, _high, shape):
        return np.ones(shape)

    def random(self, shape):
        return np.ones(shape)

    def standard_normal(self, shape, dtype):
        return np.zeros(shape, dtype)


def tall_and_narrow(xyz: np.ndarray) -> np.ndarray:
    """The same motion on legs a fifth longer, with shoulders narrower and higher on the chest."""
    result = xyz.copy()
    legs = [JOINTS.index(f"{s}_{part}") for s in "lr" for part in ("knee", "ankle", "foot", "toe")]
    for joint in legs:
        parent = PARENTS[joint]
        result[:, joint] = result[:, parent] + 1.2 * (xyz[:, joint] - xyz[:, parent])
    for side, sign in (("l", -1), ("r", 1)):
        for part in ("clavicle", "shoulder", "elbow", "wrist", "hand"):
            share = 0.27 if part == "clavicle" else 1.0
            result[:, JOINTS.index(f"{side}_{part}")] += np.array([0.02 * sign, 0, 0.03]) * share
    return result


def bent(xyz: np.ndarray) -> np.ndarray:
    """The same motion with a rounder back, the head nodding and the hands turned."""
    result = xyz.copy()
    for step, name in enumerate(("spine", "spine2", "spine3", "spine4"), start=1):
        result[:, JOINTS.index(name)] += np.array([0, 0.1, 0]) * step * (5 - step) / 25
    result[:, JOINTS.index("head")] += np.array([0, 0.02, 0])
    result[:, JOINTS.index("head_top")] += np.array([0, 0.07, -0.03])
    for side in "lr":
        result[:, JOINTS.index(f"{side}_hand")] += np.array([0, 0.02, 0.01])
        result[:, JOINTS.index(f"{side}_toe")] += np.array([0, 0, 0.02])
    return result


def test_a_body_given_its_own_proportions_stays(archive):
    xyz = MocapArchive(archive).clip(1).xyz[:64]
    xyz[:, JOINTS.index("l_clavicle")] = xyz[:, NECK] + 0.27 * (xyz[:, L_SHOULDER] - xyz[:, NECK])
    r_shoulder = JOINTS.index("r_shoulder")
    xyz[:, JOINTS.index("r_clavicle")] = xyz[:, NECK] + 0.27 * (xyz[:, r_shoulder] - xyz[:, NECK])
    bodies = measure([xyz], ["s1"]).of(np.array([0]))
    assert np.abs(exchanged(xyz[None], bodies, bodies, Always()) - xyz).max() < 1e-3


def test_a_body_takes_on_anothers_proportions_and_keeps_the_motion(archive):
    xyz = MocapArchive(archive).clip(1).xyz[:64]
    other = tall_and_narrow(xyz)
    own, wanted = (measure([x], ["s1"]).of(np.array([0])) for x in (xyz, other))
    given = exchanged(xyz[None], own, wanted, Always())
    got = measure([given[0]], ["s1"]).of(np.array([0]))
    size = (own.lengths.sum() - 1) / (wanted.lengths.sum() - 1)  # the pelvis' stands for none
    # The figure's clavicles don't lie on the way to the shoulders; the pelvis has no bone.
    odd = ("clavicle", "shoulder", "pelvis")
    moved = [joint for joint, name in enumerate(JOINTS) if not name.endswith(odd)]
    assert np.allclose(got.lengths[:, moved], wanted.lengths[:, moved] * size, rtol=0.02)
    assert np.allclose(got.hips, wanted.hips * size, atol=2e-3)
    assert np.allclose(got.shoulders, wanted.shoulders * size, atol=2e-3)
    assert np.allclose(given[0, :, JOINTS.index("pelvis")], xyz[:, JOINTS.index("pelvis")])


def test_a_body_takes_on_how_anothers_back_head_hands_and_feet_are_set_on(archive):
    xyz = MocapArchive(archive).clip(1).xyz[:64]
    own, wanted = (measure([x], ["s1"]).of(np.array([0])) for x in (xyz, bent(xyz)))
    given = exchanged(xyz[None], own, wanted, Always())
    got = measure([given[0]], ["s1"]).of(np.array([0]))
    assert np.abs(wanted.curve - own.curve) > 0.01
    assert np.allclose(got.curve, wanted.curve, atol=3e-3)
    assert np.abs(wanted.head - own.head).min() > 0.05
    # The chest's upright follows the back, and is what the neck is measured against.
    assert np.allclose(got.head[:, 1], wanted.head[:, 1], atol=0.03)
    assert np.abs(wanted.hands - own.hands).min() > 0.02
    assert np.abs(wanted.feet - own.feet)[:, 1::2].min() > 0.1
    assert np.allclose(got.feet, wanted.feet, atol=0.02)
    # A straight arm has no elbow's plane to turn a hand in: there it is turned less.
    assert (np.abs(got.hands - wanted.hands) < 0.6 * np.abs(own.hands - wanted.hands)).all()


def test_samples_are_repeatable_finite_and_weighted_by_validity(archive):
    data = dict(np.load(archive))
    hand = JOINTS.index("l_hand")
    data["valid"][:, [hand, JOINTS.index("r_hand")]] = False
    np.savez(archive, **data)
    streams = [SampleStream(MocapArchive(archive), [1, 2], SampleSettings(), 7) for _ in range(2)]
    for _ in range(3):
        one, two = (stream.batch(16) for stream in streams)
        for name, value in vars(one).items():
            assert np.isfinite(value).all(), name
            assert np.array_equal(value, getattr(two, name)), name
        assert one.weight[..., hand].sum() == 0
        assert one.weight[..., L_HIP].sum() > 0
        assert (one.features[one.inside[..., 0] == 0] == 0).all()


def test_clean_samples_give_the_common_joints_exactly(archive):
    settings = SampleSettings(clean_share=1.0)
    batch = SampleStream(MocapArchive(archive), [1, 2, 3], settings, 0).batch(32)
    common = list(COMMON12)
    gap = np.linalg.norm((batch.base - batch.target)[..., common, :], axis=-1)
    assert gap[np.broadcast_to(batch.inside > 0, gap.shape)].max() < 1e-3


def test_training_resumes_where_it_stopped_and_exports(archive, tmp_path, monkeypatch):
    run, config = tmp_path / "run", DirectConfig(width=16, dilations=(1, 2))
    small = SampleSettings(frames=16)
    settings = TrainSettings(steps=4, batch=4, validate_every=2, samples=small)
    train(archive, run, settings, config)
    train(archive, run, replace(settings, steps=6), config)
    rows = (run / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4", "6"]

    monkeypatch.setattr(export_module, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(weights_files, "FOLDER", tmp_path / "weights")
    export_module.export(run)
    tensors, card, digest = weights_files.load_weights("direct")
    network = DirectNetwork(config)
    assert {key: value.shape for key, value in tensors.items()} == {
        key: tuple(value.shape) for key, value in network.state_dict().items()
    }
    assert card["architecture"]["width"] == 16
    assert card["training"]["steps"] == 6
    assert len(digest) == 8
    assert "mocap.cs.cmu.edu" in json.dumps(card)


def test_clips_to_choose_by_are_whole_subjects_and_always_the_same(tmp_path):
    foreign = {"ann.a": 300, "ann.b": 200, "bob.a": 400, "eve.a": 90, "zoe.a": 120}
    archive = MocapArchive(write_archive(tmp_path / "a.npz", foreign))
    training, held = split(archive)
    assert sorted(training + held) == list(range(5))
    assert not {archive.subjects[i] for i in training} & {archive.subjects[i] for i in held}
    assert archive.lengths[held].sum() >= 0.1 * archive.lengths.sum()
    assert split(archive) == (training, held)
    alone = MocapArchive(write_archive(tmp_path / "b.npz", {"ann.a": 90, "ann.b": 90}))
    assert [len(part) for part in split(alone)] == [1, 1]
    single = MocapArchive(write_archive(tmp_path / "c.npz", {"ann.a": 90}))
    with pytest.raises(JumpsError, match="one clip"):
        split(single)


def test_somebody_elses_archive_can_be_trained_on(tmp_path, monkeypatch):
    archive = write_archive(tmp_path / "own.npz", {"ann.a": 90, "bob.a": 90, "eve.a": 90})
    settings = TrainSettings(steps=1, batch=2, validate_every=1, samples=SampleSettings(frames=16))
    run = tmp_path / "run"
    train(archive, run, settings, DirectConfig(width=16, dilations=(1,)))
    monkeypatch.setattr(export_module, "FOLDER", tmp_path / "weights")
    export_module.export(run)
    card = json.loads((tmp_path / "weights" / "direct.json").read_text())
    assert card["data"]["name"] == "own.npz"
    assert len(card["data"]["validation_subjects"]) == 1
    assert "credit" not in card["data"]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_each_parameter_is_trained_by_one_optimizer(optimizer):
    network = DirectNetwork(DirectConfig(width=16, dilations=(1, 2)))
    found = _optimizers(network, TrainSettings(optimizer=optimizer))
    trained = [[*group["params"]] for one in found for group in one.param_groups]
    assert len(trained) == {"adamw": 1, "muon": 2}[optimizer]
    numbers = sorted(id(value) for values in trained for value in values)
    assert numbers == sorted(id(value) for value in network.parameters())
    # Muon has what turns a frame's state into another, not what reads features or makes joints.
    matrices = {id(weight) for b in network.blocks for weight in (b.taps.weight, b.out.weight)}
    assert optimizer == "adamw" or {id(value) for value in trained[1]} == matrices


def test_a_deeper_network_starts_as_the_one_it_grew_from(archive, tmp_path):
    small = DirectConfig(width=16, dilations=(1, 2))
    torch.manual_seed(3)
    first = DirectNetwork(small)
    torch.nn.init.normal_(first.head.weight)
    save_file(first.state_dict(), tmp_path / "start.safetensors")
    settings = TrainSettings(
        steps=1, batch=4, learning_rate=0.0, samples=SampleSettings(frames=16), validate_every=1
    )
    deep = replace(small, dilations=(1, 2, 4))
    train(archive, tmp_path / "run", settings, deep, tmp_path / "start.safetensors")
    grown = DirectNetwork(deep)
    grown.load_state_dict(load_file(tmp_path / "run" / "best.safetensors"))
    x = torch.randn(2, 16, FEATURES)
    for one, two in zip(first(x), grown(x), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_what_is_no_weights_is_not_started_from(archive, tmp_path):
    config, settings = DirectConfig(width=8, dilations=(1,)), TrainSettings(steps=1)
    (tmp_path / "text.safetensors").write_text("{}")
    save_file({"x": torch.ones(1)}, tmp_path / "other.safetensors")
    larger = DirectNetwork(DirectConfig(width=16, dilations=(1,))).state_dict()
    save_file(larger, tmp_path / "larger.safetensors")
    for name, words in (
        ("none", "weights cannot be read"),
        ("text", "weights cannot be read"),
        ("other", "these are not weights of this network"),
        ("larger", "these are not weights of this network"),
    ):
        start = tmp_path / f"{name}.safetensors"
        with pytest.raises(JumpsError, match=f"--start.*{words}"):
            train(archive, tmp_path / "run", settings, config, start)


def test_export_of_nothing(tmp_path):
    with pytest.raises(JumpsError, match="train there first"):
        export_module.export(tmp_path)


def test_jumps_networks_are_exported_with_how_far_off_they_are(tmp_path, monkeypatch):
    archive = write_archive(tmp_path / "own.npz", {"ann.a": 130, "bob.a": 130, "eve.a": 130})
    few = LatentSettings(steps=1, random_starts=1)
    monkeypatch.setattr(
        latent_module,
        "ABLATIONS",
        {"latent": few, "latent-no-encoder": replace(few, encoder=False)},
    )
    monkeypatch.setattr(export_module, "FOLDER", tmp_path / "weights")
    for name, encoder in (("jumps", True), ("jumps_gan", False)):
        settings = JumpsSettings(steps=1, batch=4, validate_every=1, encoder=encoder)
        train_jumps(archive, tmp_path / name, settings)
        export_module.export(tmp_path / name)
        tensors = load_file(tmp_path / "weights" / f"{name}.safetensors")
        assert {key.split(".")[0] for key in tensors} == {"generator", "discriminator"} | (
            {"encoder"} if encoder else set()
        )
        assert {value.dtype for value in tensors.values()} == {torch.float16}
        card = json.loads((tmp_path / "weights" / f"{name}.json").read_text())
        assert card["sequences_seen"] == 4
        assert len(card["sigma"]) == 28
        assert all(np.isfinite(card["sigma"]))
        assert min(card["sigma"]) > 0
        assert card["data"]["name"] == "own.npz"


def test_the_sample_holds_each_subjects_shortest_clips(tmp_path):
    lengths = {"ann.a": 118, "ann.b": 300, "ann.c": 130, "ann.d": 200, "bob.a": 2000}
    archive = MocapArchive(write_archive(tmp_path / "a.npz", lengths))  # 60 frames per second
    # Of Ann those of 65 and 100 frames, 59 being too few and 150 more too many; of Bob what is.
    assert sample(archive, 200) == [2, 3, 4]
    assert sample(archive, 200, clips=[0, 1]) == [1]


def test_the_pictures_poses_are_the_median_and_the_worst(tmp_path):
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"ann.a": 61, "bob.a": 61}))
    rows = cases(archive, RidgeEngine())
    assert [len(row) for row in rows.values()] == [2] * 4
    errors = [[float(case.title.split(": ")[1]) for case in row] for row in rows.values()]
    for typical, worst in (errors[:2], errors[2:]):
        assert all(low < high for low, high in zip(typical, worst, strict=True))
    case_sheet(rows, tmp_path / "cases.png")
    assert (tmp_path / "cases.png").stat().st_size > 5000
