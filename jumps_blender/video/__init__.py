"""What footage tells without being shown: its lens, and whether its camera moves. No bpy."""
