import bpy

settings = bpy.context.scene.jumps

settings.engine = "direct"
settings.min_confidence = 0.05
settings.denoise = False
settings.repair_swaps = False
