"""The web console: what flows now, what was recorded, and the dead letters with what can be done about them."""
