"""Which feet stand: in motion capture, and by the network that is told the lifted motion."""

import json
import shutil

import numpy as np
import pytest
import torch

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import weights_files
from jumps_blender.model_runtime.contact_network import (
    CONTACT_FEATURES,
    ContactConfig,
    ContactNetwork,
    contact_features,
    standing_probability,
)
from jumps_blender.model_runtime.contacts import contacts, contacts_on_own_floor
from jumps_blender.model_runtime.lift import Lifter
from jumps_blender.skeletons import MIRROR
from training import export as export_module
from training.lift_data import LiftSettings
from training.train_contacts import ContactTrainSettings, LiftedWindows, train

from ..walking import camera, walker
from .test_evaluation import write_archive

BALLS = [1, 3]


def seen_from(pitch: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """The walker in the camera's axes, and where up is there (F, 3)."""
    world, _ = walker()
    eye = camera(pitch)
    return eye.to_camera(world), np.tile(eye.turn.T @ (0, 0, 1), (len(world), 1))


@pytest.mark.parametrize("floor", [0.0, 0.08, -0.3])
def test_a_take_has_its_own_floor(floor):
    world, stands = walker()
    found = contacts_on_own_floor(world + (0, 0, floor), 1 / 30)
    # Where a step begins and ends the speed is a matter of a frame.
    inner = stands.copy()
    inner[1:-1] = stands[2:] & stands[:-2] & stands[1:-1]
    outer = stands.copy()
    outer[1:-1] = stands[2:] | stands[:-2] | stands[1:-1]
    assert found[inner].all()
    assert not found[~outer].any()
    by_the_archives = contacts(world + (0, 0, floor), 1 / 30)[:, BALLS]
    assert by_the_archives.any() == (floor < 0.05)


def test_a_body_in_the_air_or_of_one_frame_has_contacts_of_sorts():
    world, _ = walker()
    flying = world + np.arange(len(world))[:, None, None] * (0, 0, 0.05)
    assert not contacts_on_own_floor(flying, 1 / 30).any()
    assert contacts_on_own_floor(world[:1], 1 / 30).shape == (1, 4)


def test_what_the_network_sees_depends_on_neither_the_camera_nor_the_frame_rate():
    said = np.full((120, 4), 0.3)
    positions, up = seen_from()
    features = contact_features(positions, up, said, 1 / 30)
    assert features.shape == (2, 120, CONTACT_FEATURES)
    # Turned about its own eye, the camera sees the same motion.
    angle = 0.7
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    turned = contact_features(positions @ turn.T, up @ turn.T, said, 1 / 30)
    assert np.allclose(features, turned, atol=1e-5)
    slower = contact_features(positions[::2], up[::2], said[::2], 1 / 15)
    # Speeds are differences over twice the time; heights are the same.
    assert np.abs(slower - features[:, ::2]).mean() < 0.05
    assert np.isfinite(contact_features(positions[:1], up[:1], said[:1], 1 / 30)).all()


def test_the_mirrored_motion_has_the_mirrored_features():
    said = np.random.default_rng(0).random((120, 4))
    positions, up = seen_from()
    features = contact_features(positions, up, said, 1 / 30)
    mirrored = contact_features(
        positions[:, list(MIRROR)] * (-1, 1, 1), up * (-1, 1, 1), said[:, [2, 3, 0, 1]], 1 / 30
    )
    assert np.allclose(features, mirrored[::-1], atol=1e-5)


def test_the_shipped_network_sees_the_walkers_steps():
    tensors, card, _ = weights_files.load_weights("contacts")
    settings = card["architecture"]
    network = ContactNetwork(ContactConfig(settings["width"], tuple(settings["dilations"])))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    positions, up = seen_from()
    # The lifter doesn't know.
    features = contact_features(positions, up, np.full((120, 4), 0.5), 1 / 30)
    found = standing_probability(network.eval(), features)
    assert found.shape == (120, 4)
    _, stands = walker()
    said, true = found[:, BALLS] > 0.5, stands[:, BALLS]
    assert 2 * (said & true).sum() / (said.sum() + true.sum()) > 0.9


def test_training_on_bodies_that_lack_joints_ends_with_a_message(tmp_path):
    valid = np.ones((3, 28), bool)
    valid[0, -1] = False
    clips = {"cmu_02.a": 90, "s1.a": 120, "s2.a": 90}
    archive = write_archive(tmp_path / "part.npz", clips, valid=valid)
    with pytest.raises(JumpsError, match="no clip of cmu_02 has all 28 joints"):
        train(archive, tmp_path / "run", ContactTrainSettings(), ContactConfig())


def test_training_resumes_and_exports_what_the_lifter_loads(tmp_path, monkeypatch):
    archive = write_archive(tmp_path / "train.npz", {"cmu_02.a": 200, "s1.a": 300, "s2.a": 200})
    settings = ContactTrainSettings(
        steps=2,
        batch=4,
        validate_every=2,
        windows=4,
        held_windows=2,
        samples=LiftSettings(frames=24, upsampled_share=0.5),
    )
    monkeypatch.setattr("training.train_contacts._POOL", 4)
    run, weights = tmp_path / "run", tmp_path / "weights"
    config = ContactConfig(width=8, dilations=(1, 2))
    train(archive, run, settings, config)
    kept = LiftedWindows(run / "windows.npz")
    assert len(kept.start) - 1 >= 4
    assert kept.features.shape == (2, kept.start[-1], CONTACT_FEATURES)
    batch = next(kept.batches(3, 0))
    assert batch["features"].shape == (6, 96, CONTACT_FEATURES)
    # Frames beyond a window's end have no weight.
    assert 0 < float(batch["inside"].mean()) < 1
    again = next(kept.batches(3, 0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    log = (run / "log.csv").read_text().splitlines()
    assert log[0].startswith("step,contact,ankles,balls")
    train(archive, run, settings, config)
    assert (run / "log.csv").read_text().splitlines() == log

    shutil.copytree(weights_files.FOLDER, weights)
    for module in (export_module, weights_files):
        monkeypatch.setattr(module, "FOLDER", weights)
    export_module.export(run)
    card = json.loads((weights / "contacts.json").read_text())
    assert card["task"] == "contacts"
    assert card["lifter"].startswith("lift ")
    assert card["architecture"] == {
        "features": CONTACT_FEATURES,
        "width": 8,
        "dilations": [1, 2],
    }
    lifter = Lifter.load("cpu")
    assert lifter.identity.startswith(card["lifter"] + " contacts ")
    assert Lifter.load("cpu", contact_network=False).identity == card["lifter"]
