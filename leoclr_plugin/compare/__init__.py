"""Several methods on the same data, backbone, views and budget, in one table."""
