"""What footage tells: poses, its lens, and whether its camera moves. No bpy."""
