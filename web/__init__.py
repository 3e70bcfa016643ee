"""What the browser talks to: HTTP, WebSocket, server-sent events and the dashboard."""
