"""The measurements of ``leoclr bench``."""
