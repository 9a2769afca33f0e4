import bpy

settings = bpy.context.scene.jumps

settings.engine = "direct"
settings.min_confidence = 0.3
settings.denoise = True
settings.repair_swaps = True
