"""One self-contained HTML page and Markdown and CSV tables, made from records."""
