"""A walking clip on rigs as they come: Mixamo, Unreal, Unity, VRM, BVH; linked ones; with IK."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.scene.bake import sample_pose
from jumps_blender.scene.retarget import ik_controls, retarget, rig_bones
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index
from jumps_blender.skeletons.rig_maps import mapped

from ..walking import walker
from .rigs import BONES, heads, lifted, make_rig, moving, t_pose
from .test_orientation import REST, about, posed
from .test_retarget import MIXAMO, keys

FRAMES = np.array([1, 7, 15, 24])
MOCAP = Path(__file__).parents[3] / "shared" / "mocap" / "test.npz"
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Blender's axes to those of glTF and FBX


def a_pose() -> np.ndarray:
    """As the Mannequin stands: arms 45 degrees down, elbows and knees a little bent."""
    turns = {}
    for side in "lr":
        upper = REST[joint_index(f"{side}_elbow")] - REST[joint_index(f"{side}_shoulder")]
        turns[f"{side}_elbow"] = about(np.cross(upper, (0, -1, 0)), 25)
        turns[f"{side}_hip"] = about((1, 0, 0), -4)
        turns[f"{side}_knee"] = about((1, 0, 0), 8)
    return posed(turns)[0]


def named(words: dict[str, str], left: str, right: str) -> dict[str, str]:
    """The rig's name for each bone; {} stands for the side."""
    return {
        part: words[part.removeprefix("l_").removeprefix("r_")].replace(
            "{}", left if part.startswith("l_") else right
        )
        for part in BONES
        if part.removeprefix("l_").removeprefix("r_") in words
    }


MANNY = named(
    {
        "hips": "pelvis",
        "spine": "spine_01",
        "spine2": "spine_02",
        "spine3": "spine_03",
        "spine4": "spine_04",
        "neck": "neck_01",
        "head": "head",
        "clavicle": "clavicle_{}",
        "upper_arm": "upperarm_{}",
        "forearm": "lowerarm_{}",
        "hand": "hand_{}",
        "thigh": "thigh_{}",
        "shin": "calf_{}",
        "foot": "foot_{}",
        "toe": "ball_{}",
    },
    "l",
    "r",
)
HUMANOID = {
    "hips": "Hips",
    "spine": "Spine",
    "spine2": "Chest",
    "spine3": "UpperChest",
    "neck": "Neck",
    "head": "Head",
    "clavicle": "{}Shoulder",
    "upper_arm": "{}UpperArm",
    "forearm": "{}LowerArm",
    "hand": "{}Hand",
    "thigh": "{}UpperLeg",
    "shin": "{}LowerLeg",
    "foot": "{}Foot",
    "toe": "{}Toes",
}
UNITY = named(HUMANOID, "Left", "Right")
VRM = {part: name[0].lower() + name[1:] for part, name in UNITY.items()}
VROID = {
    part: f"J_Bip_{name[0]}_" + name.removeprefix("Left").removeprefix("Right")
    if name.startswith(("Left", "Right"))
    else f"J_Bip_C_{name}"
    for part, name in UNITY.items()
} | {"l_toe": "J_Bip_L_ToeBase", "r_toe": "J_Bip_R_ToeBase"}
CMU = named(
    {
        "hips": "Hips",
        "spine": "LowerBack",
        "spine2": "Spine",
        "spine3": "Spine1",
        "neck": "Neck",
        "head": "Head",
        "clavicle": "{}Shoulder",
        "upper_arm": "{}Arm",
        "forearm": "{}ForeArm",
        "hand": "{}Hand",
        "thigh": "{}UpLeg",
        "shin": "{}Leg",
        "foot": "{}Foot",
        "toe": "{}ToeBase",
    },
    "Left",
    "Right",
)


def without_missing(rig: bpy.types.Object, called: dict[str, str]) -> None:
    """Take away the spine's last bone where the family has none; what hung on it hangs lower."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    if "spine4" not in called:
        bone = bones["spine4"]
        for child in list(bone.children):
            child.parent = bone.parent
        bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")


def with_extra_bones(rig: bpy.types.Object, scale: float, *, unreal: bool) -> None:
    """Twist bones and fingers; a root and what Unreal has for IK."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    # On the other side's twist bones as in Unreal: twist bones don't carry the next limb.
    for bone in list(bones):
        if "arm" in bone.name.lower() or "hand" in bone.name.lower():
            extra = bones.new(f"{bone.name}_twist_01" if unreal else f"{bone.name}Twist")
            extra.head = (bone.head + bone.tail) / 2
            extra.tail = extra.head + bone.vector / 4
            extra.parent = bone
    if unreal:
        root = bones.new("root")
        root.tail = (0, 0, 0.1 * scale)
        bones["pelvis"].parent = root
        for name, parent, like in (
            ("ik_foot_root", "root", "root"),
            ("ik_foot_l", "ik_foot_root", "foot_l"),
            ("ik_foot_r", "ik_foot_root", "foot_r"),
            ("ik_hand_root", "root", "root"),
            ("ik_hand_gun", "ik_hand_root", "hand_r"),
            ("ik_hand_l", "ik_hand_gun", "hand_l"),
            ("ik_hand_r", "ik_hand_gun", "hand_r"),
        ):
            bone = bones.new(name)
            bone.head, bone.tail = bones[like].head, bones[like].tail
            bone.roll = bones[like].roll
            bone.parent = bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")


KINDS = {
    "mixamo": (MIXAMO, t_pose() @ Y_UP.T * 100, 0.01, True),
    "unreal": (MANNY, a_pose() * 100, 0.01, False),
    "unity": (UNITY, t_pose() @ Y_UP.T * 100, 0.01, True),
    "vrm": (VRM, t_pose(), 1.0, False),
    "vrm, y up": (VRM, t_pose() @ Y_UP.T, 1.0, True),
    "vroid": (VROID, t_pose(), 1.0, False),
}


def made(kind: str) -> bpy.types.Object:
    called, joints, scale, y_up = KINDS[kind]
    rig, _ = make_rig(joints, called, seed=11)
    without_missing(rig, called)
    with_extra_bones(rig, 1 / scale, unreal=kind == "unreal")
    rig.scale = (scale,) * 3
    if y_up:
        rig.rotation_euler = (np.pi / 2, 0, 0)
    bpy.context.view_layer.update()
    return rig


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_stands_where_the_body_does(kind: str) -> None:
    called = KINDS[kind][0]
    rig = made(kind)
    family, slots = mapped(rig_bones(rig))
    assert family == {"vrm": "unity", "vrm, y up": "unity"}.get(kind, kind)
    retarget(lifted(moving()), rig, slots)
    found = heads(rig, called.values(), FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in called]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def gap(rig: bpy.types.Object, one: str, other: str, frames: np.ndarray) -> float:
    """By how much two bones are apart in place or axes, at worst."""
    matrices, _ = sample_pose(rig, frames)
    one, other = (matrices[:, rig.pose.bones.find(name)] for name in (one, other))
    return float(np.abs(one - other).max())


@pytest.mark.parametrize("root_motion", [False, True])
def test_unreals_root_and_ik_bones(root_motion: bool) -> None:
    rig = made("unreal")
    called = KINDS["unreal"][0]
    retarget(lifted(moving()), rig, mapped(rig_bones(rig))[1], root_motion=root_motion)
    for one, other in (
        ("ik_foot_l", "foot_l"),
        ("ik_foot_r", "foot_r"),
        ("ik_hand_l", "hand_l"),
        ("ik_hand_r", "hand_r"),
        ("ik_hand_gun", "hand_r"),
        ("ik_hand_root", "root"),
    ):
        assert gap(rig, one, other, FRAMES) < 1e-2, one  # of a centimetre
    found = heads(rig, called.values(), FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in called]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01
    (root,) = heads(rig, ["root"], FRAMES).swapaxes(0, 1)
    (hips,) = heads(rig, ["pelvis"], FRAMES).swapaxes(0, 1)
    assert root[:, 2] == pytest.approx(0, abs=1e-4)
    if root_motion:
        assert root[:, :2] == pytest.approx(hips[:, :2] - REST[4, :2], abs=0.005)
    else:
        assert root == pytest.approx(0, abs=1e-6)


def test_other_proportions() -> None:
    """Long legs, short arms, broad hips: knees bend the same way, limbs point alike."""
    joints = t_pose()
    for side in "lr":
        hip, knee, ankle = (joint_index(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        foot = [joint_index(f"{side}_{part}") for part in ("foot", "toe")]
        thigh, shin = joints[knee] - joints[hip], joints[ankle] - joints[knee]
        below = joints[foot] - joints[ankle]
        joints[hip, 0] *= 1.4
        joints[knee] = joints[hip] + 1.3 * thigh
        joints[ankle] = joints[knee] + 1.2 * shin
        joints[foot] = joints[ankle] + below
        chain = [joint_index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist", "hand")]
        joints[chain] = joints[chain[0]] + 0.8 * (joints[chain] - joints[chain[0]])
    rig, _ = make_rig(joints, MIXAMO, seed=4)
    clip = moving()
    retarget(lifted(clip), rig, mapped(rig_bones(rig))[1])
    rows = np.arange(24)
    limbs = [("thigh", "shin"), ("shin", "foot"), ("upper_arm", "forearm"), ("forearm", "hand")]
    for side in "lr":
        for one, other in limbs:
            first, second = (f"{side}_{part}" for part in (one, other))
            found = heads(rig, [MIXAMO[first], MIXAMO[second]], rows + 1)
            found = found[:, 1] - found[:, 0]
            begin, end = (joint_index(BONES[part][0]) for part in (first, second))
            expected = clip[:, end] - clip[:, begin]
            cos = (found * expected).sum(-1) / np.linalg.norm(found, axis=-1)
            cos /= np.linalg.norm(expected, axis=-1)
            assert np.degrees(np.arccos(cos.min())) < 1.0, (first, second)
        hips, knees, ankles = heads(
            rig, [MIXAMO[f"{side}_{part}"] for part in ("thigh", "shin", "foot")], rows + 1
        ).swapaxes(0, 1)
        source = [clip[:, joint_index(f"{side}_{part}")] for part in ("hip", "knee", "ankle")]
        bend = np.cross(knees - hips, ankles - knees)
        wanted = np.cross(source[1] - source[0], source[2] - source[1])
        assert (bend * wanted).sum(-1).min() > 0


@pytest.mark.parametrize(("ankle", "ball"), [(0.08, 0.06), (0.06, 0.06), (0.035, 0.075)])
@pytest.mark.parametrize("upright", [True, False])
def test_soles_lie_flat_on_the_floor_whatever_the_ankles_height(ankle, ball, upright) -> None:
    """Bug: the bone from ankle to ball sloped as the body's; boots stood 7 cm in the floor, toes
    up by 20 degrees. (This figure is small: as if 0.14, 0.105 and 0.06 m of a grown-up's.)"""
    world, stands = walker(60)
    joints = t_pose()
    for side in "lr":
        leg = [joint_index(f"{side}_{part}") for part in ("ankle", "foot", "toe")]
        joints[leg] = joints[leg[0]] * (1, 1, 0) + [
            (0, 0, ankle),
            (0, -ball, 0.02),
            (0, -ball - 0.03, 0.02),
        ]
    called = MIXAMO
    if upright:
        rig, _ = make_rig(joints, called, seed=4)
    else:
        rig, _ = make_rig(joints @ Y_UP.T * 100, called, seed=4)
        rig.scale, rig.rotation_euler = (0.01,) * 3, (np.pi / 2, 0, 0)
        bpy.context.view_layer.update()
    retarget(lifted(world), rig, mapped(rig_bones(rig))[1])
    frames = np.arange(1, 61)
    for column, side in ((0, "l"), (2, "r")):
        found = heads(rig, [called[f"{side}_foot"], called[f"{side}_toe"]], frames)
        standing = found[stands[:, column]]
        assert standing[:, 0, 2] == pytest.approx(ankle, abs=0.012)
        slope = np.arctan2(standing[:, 0, 2] - standing[:, 1, 2], ball)
        assert np.degrees(slope) == pytest.approx(np.degrees(np.arctan2(ankle - 0.02, ball)), abs=3)


def test_standing_feet_stand_still_whatever_the_legs_proportions() -> None:
    world, stands = walker(60)
    joints = t_pose()
    for side in "lr":
        hip = joint_index(f"{side}_hip")
        leg = [joint_index(f"{side}_{part}") for part in ("knee", "ankle", "foot", "toe")]
        joints[leg] = joints[hip] + 1.25 * (joints[leg] - joints[hip])
    joints[:, 2] += 0.25 * (REST[joint_index("l_hip"), 2])
    rig, _ = make_rig(joints, MIXAMO, seed=4)
    retarget(lifted(world), rig, mapped(rig_bones(rig))[1])
    frames = np.arange(1, 61)
    for column, name in ((0, "l_foot"), (2, "r_foot")):
        (path,) = heads(rig, [MIXAMO[name]], frames).swapaxes(0, 1)
        rows = np.flatnonzero(stands[1:, column] & stands[:-1, column])
        steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
        moves = np.setdiff1d(np.arange(59), rows)
        assert steps[rows].mean() < 0.06 * steps[moves].mean()


def write_bvh(path: Path, joints: np.ndarray, called: dict[str, str], clip: np.ndarray) -> None:
    """A BVH, y up, in centimetres, of a body at rest and its bones' turns and root's path.

    clip: (F, 28, 3) joints; joints: (28, 3) at rest
    """
    from jumps_blender.scene.orientation import orientations

    turns = orientations(joints, clip)
    begins = {joint_index(BONES[part][0]): part for part in called}
    lines, order = ["HIERARCHY"], []

    def above(joint: int) -> int:
        parent = PARENTS[joint]
        while parent >= 0 and parent not in begins:
            parent = PARENTS[parent]
        return parent

    def write(joint: int, depth: int) -> None:
        pad, parent = "\t" * depth, above(joint)
        order.append(joint)
        place = joints[joint] - (joints[parent] if parent >= 0 else 0)
        lines.append(f"{pad}{'JOINT' if parent >= 0 else 'ROOT'} {called[begins[joint]]}")
        lines.append(pad + "{")
        lines.append(f"{pad}\tOFFSET " + " ".join(f"{x:.6f}" for x in Y_UP @ place * 100))
        moves = "6 Xposition Yposition Zposition" if parent < 0 else "3"
        lines.append(f"{pad}\tCHANNELS {moves} Zrotation Yrotation Xrotation")
        children = [other for other in begins if above(other) == joint]
        for child in children:
            write(child, depth + 1)
        if not children:
            end = joint_index(BONES[begins[joint]][1])
            place = Y_UP @ (joints[end] - joints[joint]) * 100
            lines.append(f"{pad}\tEnd Site")
            lines.append(pad + "\t{")
            lines.append(f"{pad}\t\tOFFSET " + " ".join(f"{x:.6f}" for x in place))
            lines.append(pad + "\t}")
        lines.append(pad + "}")

    write(joint_index("pelvis"), 0)
    lines += ["MOTION", f"Frames: {len(clip)}", f"Frame Time: {1 / 30:.8f}"]
    for points, frame in zip(clip, turns, strict=True):
        values = []
        for joint in order:
            parent = above(joint)
            turn = frame[joint] if parent < 0 else frame[parent].T @ frame[joint]
            if parent < 0:
                values += list(Y_UP @ points[joint] * 100)
            euler = Matrix(Y_UP @ turn @ Y_UP.T).to_euler("XYZ")
            values += [np.degrees(euler.z), np.degrees(euler.y), np.degrees(euler.x)]
        lines.append(" ".join(f"{x:.6f}" for x in values))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def bvh(tmp_path: Path) -> bpy.types.Object:
    """A body with CMU's names that Blender has imported, with a motion of its own."""
    write_bvh(tmp_path / "cmu.bvh", t_pose(), CMU, moving()[::-1])
    bpy.ops.import_anim.bvh(filepath=str(tmp_path / "cmu.bvh"), global_scale=0.01)
    return bpy.context.object


def test_a_bvhs_own_motion_comes_back_as_joints(bvh) -> None:
    """The file says what it should: without that, the next test would say nothing."""
    found = heads(bvh, CMU.values(), FRAMES)
    expected = moving()[::-1][FRAMES - 1][:, [joint_index(BONES[part][0]) for part in CMU]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_onto_an_imported_bvh(bvh) -> None:
    """Retargeting gives the original's joints, and the file's own motion stays on a track below."""
    family, slots = mapped(rig_bones(bvh))
    assert family == "cmu"
    own = bvh.animation_data.action
    action = retarget(lifted(moving()), bvh, slots)
    found = heads(bvh, CMU.values(), FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in CMU]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01
    assert [track.strips[0].action for track in bvh.animation_data.nla_tracks] == [own, action]


def test_from_a_bvh_onto_another_rig(bvh) -> None:
    """What the imported armature does, lifted as a result, is what a Mixamo rig does."""
    clip = moving()
    clip[:, [joint_index(BONES[part][0]) for part in CMU]] = heads(
        bvh, CMU.values(), np.arange(1, 25)
    )
    # What CMU's names leave out lies where the motion has it: on the line of the bones about it.
    clip[:, joint_index("spine4")] = moving()[::-1][:, joint_index("spine4")]
    for part in ("l_hand", "r_hand", "l_toe", "r_toe", "head"):
        end = joint_index(BONES[part][1])
        clip[:, end] = moving()[::-1][:, end]
    rig = made("mixamo")
    retarget(lifted(clip), rig, mapped(rig_bones(rig))[1])
    parts = [part for part in CMU if part in MIXAMO]
    found = heads(rig, [MIXAMO[part] for part in parts], FRAMES)
    expected = heads(bvh, [CMU[part] for part in parts], FRAMES)
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_a_rig_with_ik_of_its_own() -> None:
    """Legs held by IK constraints: targets and poles are found, keyed, and hold the legs right."""
    rig, _ = make_rig(a_pose(), MIXAMO, seed=2)
    for bone in rig.data.bones:
        bone.use_deform = True
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    for side in "lr":
        foot, shin = bones[MIXAMO[f"{side}_foot"]], bones[MIXAMO[f"{side}_shin"]]
        control = bones.new(f"CTRL_foot_{side}")
        control.head, control.tail = foot.head, foot.head + Vector((0, 0.1, 0))
        control.roll = 0.4
        pole = bones.new(f"CTRL_knee_{side}")
        pole.head = shin.head + Vector((0, -0.5, 0))
        pole.tail = pole.head + Vector((0, -0.1, 0))
        # So that the pole's angle is a plain one.
        for bone in (bones[MIXAMO[f"{side}_thigh"]], shin):
            bone.align_roll(Vector((0, -1, 0)))
    bpy.ops.object.mode_set(mode="OBJECT")
    for side in "lr":
        held = rig.pose.bones[MIXAMO[f"{side}_shin"]].constraints.new("IK")
        held.target, held.subtarget = rig, f"CTRL_foot_{side}"
        held.pole_target, held.pole_subtarget = rig, f"CTRL_knee_{side}"
        held.chain_count = 2
        held.pole_angle = np.pi / 2
    bpy.context.view_layer.update()
    _, slots = mapped(rig_bones(rig))
    result = lifted(moving())
    with pytest.raises(JumpsError, match=r"the constraint IK moves mixamorig:.*; mute it"):
        retarget(result, rig, slots)
    found = ik_controls(rig, slots)
    assert found == {
        f"{side}_{slot}": (f"CTRL_{part}_{side}",)
        for side in "lr"
        for slot, part in (("foot_ik", "foot"), ("knee_pole", "knee"))
    }
    retarget(result, rig, slots | found)
    legs = [f"{side}_{part}" for side in "lr" for part in ("thigh", "shin", "foot", "toe")]
    places = heads(rig, [MIXAMO[part] for part in legs], FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in legs]]
    assert np.linalg.norm(places - expected, axis=-1).max() < 0.01


def test_scaled_bones_and_bones_that_are_animated_below() -> None:
    """A bone that is bigger stays so; what an older action does to bones above is held still."""
    rig, _ = make_rig(t_pose(), MIXAMO, seed=9)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    above = rig.data.edit_bones.new("Mover")
    above.tail = (0, 0.2, 0)
    rig.data.edit_bones["mixamorig:Hips"].parent = above
    bpy.ops.object.mode_set(mode="OBJECT")
    mover = rig.pose.bones["Mover"]
    mover.rotation_mode = "XYZ"
    mover.rotation_euler, mover.location = (0.3, 0.2, 0.1), (0.5, 0.4, 0.3)
    mover.keyframe_insert("rotation_euler", frame=1)
    mover.keyframe_insert("location", frame=1)
    rig.pose.bones["mixamorig:Head"].scale = (1.3, 1.3, 1.3)
    rig.pose.bones["mixamorig:LeftArm"].scale = (0.8, 0.8, 0.8)
    bpy.context.view_layer.update()
    result = lifted(moving())
    action = retarget(result, rig, mapped(rig_bones(rig))[1])
    again = retarget(result, rig, mapped(rig_bones(rig))[1])
    assert len(again.layers[0].strips[0].channelbag(again.slots[0]).fcurves) > 0
    assert action is not None
    parts = [part for part in BONES if part not in ("l_forearm", "l_hand")]
    found = heads(rig, [MIXAMO[part] for part in parts], FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in parts]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01
    elbow, shoulder = (joint_index(f"l_{part}") for part in ("elbow", "shoulder"))
    wanted = moving()[FRAMES - 1]
    wanted = wanted[:, shoulder] + 0.8 * (wanted[:, elbow] - wanted[:, shoulder])
    assert heads(rig, ["mixamorig:LeftForeArm"], FRAMES)[:, 0] == pytest.approx(wanted, abs=0.01)
    assert tuple(rig.pose.bones["mixamorig:Head"].scale) == pytest.approx((1.3, 1.3, 1.3))


def test_a_linked_rig_needs_an_override_and_then_goes(tmp_path: Path) -> None:
    rig, _ = make_rig(t_pose(), MIXAMO, seed=9)
    rig.pose.bones["mixamorig:Hips"].rotation_mode = "XYZ"
    bpy.data.libraries.write(str(tmp_path / "rig.blend"), {rig})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "rig.blend"), link=True) as (there, here):
        here.objects = list(there.objects)
    (linked,) = here.objects
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.update()
    result = lifted(moving())
    slots = mapped(rig_bones(linked))[1]
    with pytest.raises(JumpsError, match="is linked; make a library override of it first"):
        retarget(result, linked, slots)
    override = linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    assert override.override_library is not None
    action = retarget(result, override, slots)
    assert override.animation_data.nla_tracks[-1].strips[0].action == action
    found = heads(override, [MIXAMO[part] for part in BONES], FRAMES)
    expected = moving()[FRAMES - 1][:, [joint_index(BONES[part][0]) for part in BONES]]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01
    # It lasts: saved and opened again, the motion is still there.
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    override = next(o for o in bpy.data.objects if o.override_library is not None)
    found = heads(override, [MIXAMO[part] for part in BONES], FRAMES)
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_a_result_that_was_run_again_takes_its_tracks_place() -> None:
    rig, _ = make_rig(t_pose(), MIXAMO)
    slots = mapped(rig_bones(rig))[1]
    result = lifted(moving())
    retarget(result, rig, slots)
    again = lifted(moving())  # of the same source and person: in its place
    assert again.id != again.lineage
    third = lifted(moving())
    action = retarget(third, rig, slots)
    (track,) = rig.animation_data.nla_tracks
    assert track.strips[0].action == action
    other = retarget(lifted(moving(), person="2"), rig, slots)
    assert [t.strips[0].action for t in rig.animation_data.nla_tracks] == [action, other]


@pytest.fixture(params=["cmu_07", "cmu_29", "cmu_35"])
def recorded(request: pytest.FixtureRequest) -> np.ndarray:
    """The first second of real motion, 30 frames (30, 28, 3), of one person; z up, metres."""
    if not MOCAP.exists():
        pytest.skip(f"{MOCAP} is absent")
    clip = next(clip for clip in MocapArchive(MOCAP) if clip.subject == request.param)
    points = np.asarray(clip.xyz, np.float64)[:60:2]
    return points - (*points[0, joint_index("pelvis"), :2], points[..., 2].min())


def joints_of(bvh: bpy.types.Object, frames: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(F, 28, 3) of an imported BVH: what it has no bone for goes with the bones that it has."""
    matrices, world = sample_pose(bvh, frames)
    matrices = world[:, None] @ matrices
    joints = np.empty((len(frames), 28, 3))
    for part, name in CMU.items():
        bone, index = bvh.data.bones[name], bvh.pose.bones.find(name)
        begin, end = (joint_index(joint) for joint in BONES[part])
        joints[:, begin] = matrices[:, index, :3, 3]
        if JOINTS[end] in ("spine4", "head_top") or part.endswith(("hand", "toe")):
            still = bvh.matrix_world @ bone.matrix_local
            at_rest = np.array(
                still.inverted() @ Vector(rest[end] - rest[begin] + still.translation)
            )
            joints[:, end] = (matrices[:, index] @ np.append(at_rest, 1))[:, :3]
    return joints


def test_recorded_motion_by_way_of_a_bvh(recorded, tmp_path: Path) -> None:
    """CMU's motion as a BVH, as Blender imports it, on another rig of the same proportions."""
    rest = recorded[0]
    write_bvh(tmp_path / "cmu.bvh", rest, CMU, recorded)
    bpy.ops.import_anim.bvh(filepath=str(tmp_path / "cmu.bvh"), global_scale=0.01)
    bvh = bpy.context.object
    frames = np.arange(1, 31)
    imported = joints_of(bvh, frames, rest)
    rest = joints_of(bvh, np.array([1]), rest)[0]
    rig, _ = make_rig(rest @ Y_UP.T * 100, MIXAMO, seed=3)
    rig.scale, rig.rotation_euler = (0.01,) * 3, (np.pi / 2, 0, 0)
    bpy.context.view_layer.update()
    result = lifted(imported)
    for armature, called in ((rig, MIXAMO), (bvh, CMU)):
        retarget(result, armature, mapped(rig_bones(armature))[1])
        found = heads(armature, called.values(), frames)
        expected = imported[:, [joint_index(BONES[part][0]) for part in called]]
        assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_tails_that_point_anywhere() -> None:
    """As bones' do that were made where a bone has no tail, and is drawn along one of its axes."""
    plain, _ = make_rig(t_pose(), MIXAMO)
    odd, _ = make_rig(t_pose(), MIXAMO)
    rng = np.random.default_rng(1)
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in odd.data.edit_bones:
        way = bone.vector.normalized()
        aside = Vector(rng.normal(size=3)).cross(way).normalized()
        bone.tail = bone.head + 0.05 * (aside - 0.3 * way)
    bpy.ops.object.mode_set(mode="OBJECT")
    result = lifted(moving())
    turned = []
    for rig in (plain, odd):
        retarget(result, rig, mapped(rig_bones(rig))[1])
        matrices, _ = sample_pose(rig, FRAMES)
        rest = np.array([bone.matrix_local for bone in rig.data.bones])[:, :3, :3]
        order = [rig.data.bones.find(name) for name in MIXAMO.values()]
        turned.append((matrices[..., :3, :3] @ rest.swapaxes(-1, -2))[:, order])
    cos = (np.einsum("fbij,fbij->fb", *turned) - 1) / 2
    worst = np.degrees(np.arccos(np.clip(cos, -1, 1))).max(axis=0)
    assert dict(zip(MIXAMO, worst, strict=True)) == pytest.approx(dict.fromkeys(MIXAMO, 0), abs=3)


def test_at_rest_nothing_is_turned() -> None:
    """A body that stands as the rig does leaves the rig as it is, whatever its spine is like."""
    joints = t_pose()
    for name, share in (("spine", 0.02), ("spine2", 0.035), ("spine3", 0.03), ("spine4", 0.01)):
        joints[joint_index(name), 1] += share
    rig, slots = make_rig(joints, MIXAMO, seed=6)
    retarget(lifted(np.repeat(joints[None], 4, axis=0)), rig, slots)
    matrices, _ = sample_pose(rig, np.array([1, 4]))
    # Toes are taken to lie flat at rest, which this body's don't.
    order = [n for n, bone in enumerate(rig.data.bones) if "Toe" not in bone.name]
    rest = np.array([bone.matrix_local for bone in rig.data.bones])[order]
    assert matrices[:, order] == pytest.approx(np.repeat(rest[None], 2, axis=0), abs=0.02)


@pytest.mark.usefixtures("extension")
def test_the_panels_options_are_used() -> None:
    rig = made("unreal")
    result = lifted(moving())
    by_function = keys(retarget(result, rig, mapped(rig_bones(rig))[1], root_motion=True))
    panel = bpy.context.scene.jumps
    panel.rig = rig
    panel.root_motion = True
    assert [row.bone for row in panel.slots if row.slot == "r_hand_ik"] == [
        "ik_hand_gun",
        "ik_hand_r",
    ]
    assert [row.bone for row in panel.slots if row.slot == "root"] == ["root"]
    bpy.context.view_layer.objects.active = result.root
    assert bpy.ops.jumps.retarget() == {"FINISHED"}
    (track,) = rig.animation_data.nla_tracks
    by_operator = keys(track.strips[0].action)
    assert by_operator.keys() == by_function.keys()
    assert all(np.array_equal(by_operator[key], by_function[key]) for key in by_function)
    assert ('pose.bones["root"].location', 0) in by_operator
