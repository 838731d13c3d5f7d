"""The demo: made pictures, no network, and both methods compared with the untrained network."""
