"""Where PyTorch comes from: what is found, what is said when it is missing, what is installed."""

import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from ..fake_wheels import make_wheels
from .conftest import ROOT

MODULE = "bl_ext.user_default.jumps_blender"


@pytest.fixture
def runtime(extension: None):  # noqa: ARG001
    """The installed extension's module that chooses a Python; everything as before afterwards."""
    found = sys.modules[f"{MODULE}.operators.runtime"]
    yield found
    found.close_workers()
    bpy.context.preferences.addons[MODULE].preferences.property_unset("python")


def preferences():
    return bpy.context.preferences.addons[MODULE].preferences


@pytest.fixture
def without(runtime, monkeypatch: pytest.MonkeyPatch):
    """Hides packages from Blender's own Python."""
    real = runtime.has_package

    def hide(*names: str) -> None:
        monkeypatch.setattr(
            runtime, "has_package", lambda where, name: name not in names and real(where, name)
        )

    return hide


def test_missing_pytorch_is_said_and_the_rest_works(runtime, without, pose_file: Path) -> None:
    without("torch")
    assert bpy.ops.jumps.import_poses(filepath=str(pose_file)) == {"FINISHED"}
    with pytest.raises(RuntimeError, match=r"PyTorch is not installed; press Install PyTorch"):
        bpy.ops.jumps.upsample_skeleton()
    # The baselines don't need it.
    bpy.context.scene.jumps.engine = "ridge"
    assert bpy.ops.jumps.upsample_skeleton() == {"FINISHED"}
    without("torch", "safetensors")
    assert runtime.missing_package(bpy.context, "ridge") == "safetensors"
    assert runtime.missing_package(bpy.context, "ridge", lift=True) == "torch"


def test_a_python_of_the_users_own(runtime, without, pose_file: Path, tmp_path: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    bpy.context.scene.jumps.engine = "direct"
    without("torch")
    preferences().python = sys.executable
    chosen = runtime.chosen_runtime(bpy.context)
    assert chosen == runtime.Runtime(Path(sys.executable), isolated=False)
    # Whether it has PyTorch is known when it has been asked.
    assert bpy.ops.jumps.check_runtime() == {"FINISHED"}
    assert runtime.described(chosen)["torch"].startswith("2.")
    assert bpy.ops.jumps.upsample_skeleton() == {"FINISHED"}

    for path, message in (
        (tmp_path / "nothing", r"nothing cannot be started .* preferences"),
        (Path("/bin/false"), r"/bin/false ended at once \(code 1\); choose another Python"),
        (Path("/bin/echo"), "cannot be understood"),
    ):
        preferences().python = str(path)
        with pytest.raises(RuntimeError, match=message) as caught:
            bpy.ops.jumps.upsample_skeleton()
        assert len(str(caught.value).strip().splitlines()) == 1
        # Importing needs no PyTorch, and so not that Python.
        assert bpy.ops.jumps.import_poses(filepath=str(pose_file)) == {"FINISHED"}
    preferences().python = ""
    assert runtime.chosen_runtime(bpy.context) == runtime.blender_runtime()


def test_installing_needs_permission_to_go_online(runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not runtime.environment_folder().exists()
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match=r"Allow Online Access in Preferences > System"):
        bpy.ops.jumps.install_runtime()
    assert bpy.ops.jumps.install_wheels.poll()


def test_installing_from_a_folder_of_wheels_and_removing(runtime, tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "wheels")
    with pytest.raises(RuntimeError, match="no wheel of torch is there"):
        bpy.ops.jumps.install_wheels(directory=str(tmp_path))
    assert not bpy.ops.jumps.remove_runtime.poll()
    assert bpy.ops.jumps.install_wheels(directory=str(wheels)) == {"FINISHED"}
    chosen = runtime.chosen_runtime(bpy.context)
    assert chosen.python.is_relative_to(runtime.environment_folder())
    assert runtime.missing_package(bpy.context, "direct") is None
    # An update of the add-on leaves the folder alone: it isn't in the add-on's own.
    package = Path(sys.modules[MODULE].__file__).parent
    assert not runtime.environment_folder().is_relative_to(package)
    assert bpy.ops.jumps.remove_runtime() == {"FINISHED"}
    assert runtime.chosen_runtime(bpy.context) == runtime.blender_runtime()
    with pytest.raises(RuntimeError, match="The add-on has installed none"):
        bpy.ops.jumps.remove_runtime()


def test_the_words_about_a_python(runtime) -> None:
    words = sys.modules[f"{MODULE}.operators.install_runtime"].runtime_words
    facts = {"python": "3.11.7", "torch": None, "safetensors": None, "numpy": "1.26.4"}
    facts |= {"devices": ["cpu"], "device_name": ""}
    assert words(facts) == "Python 3.11.7 has no PyTorch."
    facts["torch"] = "2.13.0"
    assert words(facts) == "Python 3.11.7 has PyTorch 2.13.0, but no safetensors."
    facts["safetensors"] = "0.8.0"
    assert words(facts) == "PyTorch 2.13.0 on CPU, Python 3.11.7."
    facts |= {"devices": ["cpu", "cuda"], "device_name": "NVIDIA RTX 4070"}
    assert words(facts) == "PyTorch 2.13.0 on NVIDIA RTX 4070, Python 3.11.7."
    assert runtime.described(runtime.blender_runtime()) is None


def test_presets_ship_and_set_the_panel(runtime) -> None:
    names = {}
    for folder in bpy.utils.preset_paths("jumps/upsample"):
        names |= {path.stem: path for path in Path(folder).glob("*.py")}
    assert {"As_Tracked", "Noisy_Detector"} <= set(names)
    panel = bpy.context.scene.jumps
    panel.min_confidence = 0.5  # what poses from a video begin with
    for stem, denoise in (("Noisy_Detector", True), ("As_Tracked", False)):
        bpy.ops.script.execute_preset(
            filepath=str(names[stem]), menu_idname="JUMPS_MT_upsample_presets"
        )
        assert panel.min_confidence == 0.5
        assert panel.denoise == denoise
        assert panel.repair_swaps == denoise
    assert bpy.ops.jumps.add_upsample_preset(name="Mine") == {"FINISHED"}
    folders = bpy.utils.preset_paths("jumps/upsample")
    assert any((Path(folder) / "Mine.py").exists() for folder in folders)
    assert bpy.ops.jumps.add_upsample_preset(name="Mine", remove_active=True) == {"FINISHED"}
    assert not any((Path(folder) / "Mine.py").exists() for folder in folders)
    assert runtime is not None


_SLIM = """
import importlib.util, os, sys
import bpy
assert importlib.util.find_spec("torch") is None
bpy.ops.wm.read_factory_settings(use_empty=True)
archive, poses = sys.argv[1:]
bpy.ops.extensions.package_install_files(
    repo="user_default", filepath=archive, enable_on_install=True, overwrite=True)
bpy.ops.jumps.import_poses(filepath=poses)
assert len(bpy.context.scene.jumps.people) == 1
try:
    bpy.ops.jumps.upsample_skeleton()
except RuntimeError as error:
    print(error)
print("python", bpy.ops.jumps.check_runtime())
sys.stdout.flush()
os._exit(0)
"""


def test_the_slim_package_in_a_blender_without_torch(
    bare_blender: Path, archive: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [bare_blender, "-I", "-c", _SLIM, archive, next((ROOT / "examples").glob("*.json"))],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "BLENDER_USER_RESOURCES": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "PyTorch is not installed; press Install PyTorch below" in done.stdout
    assert "has no PyTorch." in done.stdout
