"""The page that a data protection officer asks for."""

from relance.rendering.data_map.page import column_rows, data_map_html, data_map_lines

__all__ = ["column_rows", "data_map_html", "data_map_lines"]
