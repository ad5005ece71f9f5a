"""The commands of `asset-bridge`, one module each; a module is imported when its command is run."""
