"""The console script ``leoclr``. Each command has a file and imports torch only when it runs."""
