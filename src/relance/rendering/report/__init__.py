"""The report as one HTML file that needs nothing else: no script, font, image or network."""

from relance.rendering.report.page import html
from relance.uplift.wording import Locale

__all__ = ["Locale", "html"]
