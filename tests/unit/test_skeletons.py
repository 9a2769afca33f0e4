"""Joint sets and their maps to the 28."""

import json

import pytest

from jumps_blender.skeletons import (
    COMMON12,
    JOINT_SETS,
    JOINTS,
    MIRROR,
    PARENTS,
    joint_set_from_names,
)


def test_target_skeleton_is_a_tree_with_the_pelvis_as_root():
    assert PARENTS[JOINTS.index("pelvis")] == -1
    assert PARENTS.count(-1) == 1
    for joint in range(28):
        seen, step = set(), joint
        while step >= 0:
            assert step not in seen
            seen.add(step)
            step = PARENTS[step]
    assert JOINTS[PARENTS[JOINTS.index("l_clavicle")]] == "neck"
    assert JOINTS[PARENTS[JOINTS.index("r_toe")]] == "r_foot"


def test_mirror_swaps_sides_and_keeps_the_middle():
    assert JOINTS[MIRROR[JOINTS.index("l_wrist")]] == "r_wrist"
    assert MIRROR[JOINTS.index("spine2")] == JOINTS.index("spine2")
    assert [MIRROR[MIRROR[joint]] for joint in range(28)] == list(range(28))


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("coco17", {}),
        ("openpose_coco18", {}),
        ("halpe26", {"l_toe": [20], "r_toe": [21], "head_top": [17]}),
        (
            "halpe136",
            {
                "l_toe": [20],
                "r_toe": [21],
                "head_top": [17],
                "l_hand": [99, 103, 107, 111],
                "r_hand": [120, 124, 128, 132],
            },
        ),
        ("openpose_body25", {"l_toe": [19], "r_toe": [22]}),
        ("mediapipe33", {"l_toe": [31], "r_toe": [32], "l_hand": [19, 17], "r_hand": [20, 18]}),
        ("h36m17", {"head_top": [10]}),
    ],
)
def test_joints_beyond_the_common_twelve(name, extra):
    sources = JOINT_SETS[name].target_sources()
    beyond = {JOINTS[joint]: list(at) for joint, at in sources.items() if joint not in COMMON12}
    assert beyond == extra
    assert set(COMMON12) <= sources.keys()


def test_sets_agree_with_the_published_tables(shared):
    tables = json.loads((shared / "design" / "joint_tables.json").read_text())
    for name, table in tables["tables"].items():
        if name in JOINT_SETS and name != "mpi_inf_3dhp28":
            assert list(JOINT_SETS[name].joints) == table, name
    for name, indices in tables["common12_index"].items():
        if name in JOINT_SETS:
            sources = JOINT_SETS[name].target_sources()
            assert [sources[joint][0] for joint in COMMON12] == indices, name
    assert list(PARENTS) == tables["mpi_inf_3dhp28_parents_0based"]


@pytest.mark.parametrize(
    "spelling",
    ["left_shoulder", "LShoulder", "shoulder_l", "Left Shoulder", "shoulder.L", "leftShoulder"],
)
def test_user_names_are_understood(spelling):
    assert joint_set_from_names("mine", [spelling]).to_target == {"l_shoulder": (spelling,)}


def test_names_that_only_look_alike_are_not_mapped():
    names = ["head", "nose", "neck", "left_heel", "l_hand", "pelvis", "left_foot", "tail", "l"]
    assert joint_set_from_names("mine", names).to_target == {}
