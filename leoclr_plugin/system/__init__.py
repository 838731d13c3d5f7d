"""The operating system: files, signals, child processes and a lack of memory."""
