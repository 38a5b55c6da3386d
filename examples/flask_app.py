"""A Flask application that greets whoever signs up.

`FLASK_MAIL_URL`, or another setting of `postseal.frameworks.flask`, says where the mail goes. Start
it with ``flask --app examples/flask_app.py run``.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from postseal import Message
from postseal.frameworks.flask import Mail

mail = Mail()


def create_app(config: Mapping[str, object] | None = None) -> Flask:
    """Make the application; what `config` says goes before the environment."""
    app = Flask(__name__)
    app.config["MAIL_URL"] = "console:"
    app.config.from_prefixed_env()
    app.config.update(config or {})
    mail.init_app(app)

    @app.post("/sign-up")
    def sign_up() -> str:
        delivery = mail.send(
            Message(
                from_="Shop <shop@example.com>",
                to=request.form["address"],
                subject="Welcome",
                text="Hello, and welcome.",
            )
        )
        return f"{len(delivery.accepted)} message sent\n"

    return app
