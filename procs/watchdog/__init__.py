"""Restarts the hung and the given up, and tells everybody how supervisord's programs are."""
