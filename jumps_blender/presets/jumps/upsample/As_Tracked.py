import bpy

settings = bpy.context.scene.jumps

settings.engine = "direct"
settings.denoise = False
settings.repair_swaps = False
