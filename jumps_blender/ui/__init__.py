"""Panels and menu entries."""
