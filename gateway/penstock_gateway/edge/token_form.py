"""A page on which people sign in with an API token, where no identity provider is known. It has no script."""

from html import escape
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response

TYPE: Final = "application/x-www-form-urlencoded"
BYTES_MAX: Final = 20_000
FIELDS_MAX: Final = 10
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # Browsers name the origin of a form only with a policy that lets them name it.
    "Referrer-Policy": "same-origin",
}
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in - Penstock</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 34rem; margin: 12vh auto; padding: 0 1rem }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit }}
input, button {{ padding: .5rem; margin: .5rem 0 }}
</style>
</head>
<body>
<main>
<h1>Sign in</h1>
{complaint}<form method="post" action="{action}">
<label for="token">API token</label>
<input id="token" name="token" type="password" autocomplete="off" required autofocus>
<input type="hidden" name="return" value="{back}">
<button type="submit">Sign in</button>
</form>
<p><code>penstock tokens create</code> makes a token. That of a stack on this machine is in the file
<code>admin.token</code> of its data folder; <code>penstock open</code> names it.</p>
</main>
</body>
</html>
"""


def form(action: str, back: str, complaint: str = "") -> Response:
    """Return the page.

    Args:
        back: Path to go to afterwards.
        complaint: Why the token before was refused.
    """
    said = f'<p role="alert">{escape(complaint)}</p>\n' if complaint else ""
    page = PAGE.format(action=escape(action), back=escape(back), complaint=said)
    return HTMLResponse(page, 403 if complaint else 200, HEADERS)


def read(body: bytes) -> tuple[str, str]:
    """Return the token and the path of a form that was sent; empty where it has none."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=FIELDS_MAX)
    except ValueError:
        return "", ""
    return fields.get("token", [""])[0].strip(), fields.get("return", [""])[0]
