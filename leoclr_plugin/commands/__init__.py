"""The console script ``leoclr``: one file a command, heavy imports only when it runs."""
