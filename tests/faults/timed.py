"""Run a module that is killed after some time of the CPU.

usage: python -m tests.faults.timed SECONDS MODULE [argument ...]

With 0 seconds it is not killed, and its last line on stderr has the seconds that it took.
"""

import runpy
import signal
import sys
import time

seconds, module, *sys.argv[1:] = sys.argv[1:]
# Without a handler this signal ends a process as abruptly as SIGKILL does.
signal.setitimer(signal.ITIMER_PROF, float(seconds))
start = time.process_time()
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    print(time.process_time() - start, file=sys.stderr)
