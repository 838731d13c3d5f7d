"""The demo: real images, no network, both methods and the untrained network compared."""
