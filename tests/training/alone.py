"""Train as one process of two that torchrun would start.

usage: python -m tests.training.alone RANK PORT SECONDS CONFIG [key=value ...]

It waits ``SECONDS`` for the other one.
"""

import os
import sys
from datetime import timedelta

from leoclr_plugin.commands.main import main
from leoclr_plugin.training import lost_processes

rank, port, seconds, *words = sys.argv[1:]
os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "none"}
lost_processes.WAIT = timedelta(seconds=float(seconds))
sys.exit(main(["pretrain", *words]))
