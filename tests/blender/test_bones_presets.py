"""The table of bones as a preset, saved, chosen from the menu's own list, and removed."""

from pathlib import Path

import bpy
import pytest

from .drawn import drawn
from .rigs import lifted, make_rig, moving
from .test_orientation import REST
from .test_retarget import MIXAMO


def table() -> list[tuple[str, str]]:
    return [(row.slot, row.bone) for row in bpy.context.scene.jumps.slots]


def listed() -> list[Path]:
    panel = bpy.types.JUMPS_PT_bones_presets
    return [
        path
        for folder in bpy.utils.preset_paths(panel.preset_subdir)
        for path in Path(folder).iterdir()
        if path.suffix in panel.preset_extensions
    ]


@pytest.fixture
def rig(extension: None) -> bpy.types.Object:  # noqa: ARG001
    rig, _ = make_rig(REST, MIXAMO)
    bpy.context.scene.jumps.rig = rig
    return rig


def test_a_preset_is_saved_loaded_and_removed(rig) -> None:
    panel = bpy.context.scene.jumps
    next(row for row in panel.slots if row.slot == "head").bone = "mixamorig:Neck"
    next(row for row in panel.slots if row.slot == "neck").bone = ""
    changed = table()
    assert bpy.ops.jumps.add_bones_preset(name=" My hero/1 ") == {"FINISHED"}
    assert bpy.ops.jumps.map_rig() == {"FINISHED"}
    assert table() != changed
    (path,) = listed()
    assert bpy.ops.jumps.load_bones_preset(filepath=str(path)) == {"FINISHED"}
    assert [row for row in table() if row[1]] == [row for row in changed if row[1]]
    # Saving under the same name replaces it.
    bpy.ops.jumps.add_bones_preset(name=bpy.path.display_name(path.name))
    assert listed() == [path]
    # On a rig that lacks a bone, it says so and takes the others.
    bpy.context.view_layer.objects.active = rig
    rig.data.bones["mixamorig:LeftHand"].name = "Pfote"
    bpy.ops.jumps.load_bones_preset(filepath=str(path))
    with pytest.raises(RuntimeError, match="has no bone mixamorig:LeftHand for the left hand"):
        _retarget()
    # The menu's minus gives the name that it shows.
    assert bpy.ops.jumps.add_bones_preset(
        name=bpy.path.display_name(path.name), remove_name=True
    ) == {"FINISHED"}
    assert listed() == []
    with pytest.raises(RuntimeError, match="cannot be removed"):
        bpy.ops.jumps.add_bones_preset(name="absent", remove_name=True)


def _retarget() -> None:
    result = lifted(moving())
    bpy.context.view_layer.objects.active = result.root
    bpy.ops.jumps.retarget()


def test_a_rig_that_was_deleted_is_not_chosen_any_more(rig, tmp_path: Path) -> None:
    result = lifted(moving())
    panel = bpy.context.scene.jumps
    rig.name = "Hero"
    assert bpy.types.JUMPS_PT_bones.poll(bpy.context)
    for item in bpy.context.selected_objects:
        item.select_set(False)
    rig.select_set(True)
    bpy.ops.object.delete()
    # The panel's own pointer keeps it in the file.
    assert panel.rig == rig
    bpy.context.view_layer.objects.active = result.root
    panel.export_of = "RIG"
    for name, options in (
        ("map_rig", {}),
        ("retarget", {}),
        ("add_bones_preset", {"name": "x"}),
        ("export_motion", {"filepath": str(tmp_path / "x.fbx")}),
    ):
        with pytest.raises(RuntimeError, match="Choose the rig first"):
            getattr(bpy.ops.jumps, name)(**options)
    assert not bpy.types.JUMPS_PT_bones.poll(bpy.context)
    assert "Hero isn't in this scene." in drawn("JUMPS_PT_retarget")
    assert "Choose a rig under Retarget." in drawn("JUMPS_PT_export")


def test_what_is_no_preset_changes_nothing(rig, tmp_path: Path) -> None:  # noqa: ARG001
    before = table()
    script = tmp_path / "preset.json"
    script.write_text("import bpy\nbpy.context.scene.jumps.slots.clear()\n")
    with pytest.raises(RuntimeError, match=r"preset\.json: is no preset of bones"):
        bpy.ops.jumps.load_bones_preset(filepath=str(script))
    assert table() == before
    with pytest.raises(RuntimeError, match="Give the preset a name"):
        bpy.ops.jumps.add_bones_preset(name=" ")
    bpy.context.scene.jumps.rig = None
    with pytest.raises(RuntimeError, match="Choose the rig first"):
        bpy.ops.jumps.add_bones_preset(name="x")
