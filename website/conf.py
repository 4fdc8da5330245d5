"""Settings of Sphinx for the site. `make site` runs it by website/build.py, which writes the pages that it reads."""

from pytest_claims import __version__

project = "Atomic Claims"
author = "The Atomic Claims authors"
project_copyright = author
version = release = __version__
extensions = ["myst_parser"]
root_doc = "index"
language = "en"

# directives of the API reference hold Markdown, between colons
myst_enable_extensions = ["colon_fence"]
smartquotes = False  # quotes and dashes are shown as the documents have them
# GitHub's names of headings, so that links to them work in both places
myst_heading_anchors = 4
highlight_language = "none"  # most code blocks are commands and what they print

html_theme = "furo"
html_title = project
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["figures.css", "site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
templates_path = ["templates"]
# A search that shows lines of text asks the server for each page that it found; from files there is no server.
html_show_search_summary = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
_SHARED = {
    "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif",
    "font-stack--monospace": "ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace",
}
html_theme_options = {
    "light_css_variables": {
        **_SHARED,
        "color-brand-primary": "#0a5aa0",
        "color-brand-content": "#0a5aa0",
        "color-brand-visited": "#5b3a8c",
        "color-foreground-muted": "#535c65",
        "color-foreground-secondary": "#4c5560",
    },
    "dark_css_variables": {
        **_SHARED,
        "color-brand-primary": "#84bff5",
        "color-brand-content": "#84bff5",
        "color-brand-visited": "#c3a6f0",
        "color-foreground-muted": "#a6b0ba",
        "color-foreground-secondary": "#b3bcc5",
    },
}
