"""The platform seen with a browser, and the same reads as JSON."""

from __future__ import annotations

from postseal.serve.web.app import create_app
from postseal.serve.web.server import WebServer, serve_web

__all__ = ["WebServer", "create_app", "serve_web"]
