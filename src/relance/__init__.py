"""relance: lifecycle messaging that loses nobody and measures what it was worth."""

__version__ = "0.1.0"
