"""What every answer with data says to the browser that may show it."""

from __future__ import annotations

# Data is never kept, framed, guessed to be a page, or run as one.
PRIVATE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
