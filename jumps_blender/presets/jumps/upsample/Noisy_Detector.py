import bpy

settings = bpy.context.scene.jumps

settings.engine = "direct"
settings.denoise = True
settings.repair_swaps = True
