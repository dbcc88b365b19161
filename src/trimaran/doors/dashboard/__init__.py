"""The dashboard: server-rendered pages and a JSON API over the views, on the loopback address."""
