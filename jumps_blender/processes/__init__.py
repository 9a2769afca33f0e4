"""Work beside Blender's window: jobs that are polled, other Pythons, what is said to them.

Nothing here knows what the work is about. No bpy, no torch.
"""
