"""``python -m leoclr_plugin`` is the console script ``leoclr``."""

import sys

from leoclr_plugin.commands.main import main

sys.exit(main())
