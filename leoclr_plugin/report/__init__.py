"""Draw pictures, tables and the HTML report."""
