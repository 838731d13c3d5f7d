"""An empty module for the ``leoclr.pth`` of earlier installs of 0.1.0.

That file, in ``site-packages``, imports this module whenever Python starts, and Python would print
an error if the module were missing. Installing the package again removes the file.
"""
