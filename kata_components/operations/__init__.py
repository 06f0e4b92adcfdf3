"""What a user asks for: preview, install, uninstall, adopt."""
