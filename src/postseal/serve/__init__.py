"""The platform: SMTP in and out, a durable queue, a delivery worker, web pages and a JSON API."""
