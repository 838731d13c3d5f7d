"""Views from one NVIDIA DALI graph: one read and one decode an image, a branch for each view."""
