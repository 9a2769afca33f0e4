"""Blender data: empties, actions, armature, bake, export. Never imports torch."""
