"""The report as one HTML file that needs nothing else, and as an e-mail that leads to it."""

from relance.rendering.report.email import report_email
from relance.rendering.report.page import html
from relance.rendering.report.trajectory import trajectory_page
from relance.uplift.wording import Locale

__all__ = ["Locale", "html", "report_email", "trajectory_page"]
