"""No code of ours runs when Python starts, and an earlier install's leoclr.pth does no harm."""

import subprocess
import sys


def loaded(program: str) -> list[str]:
    """Return our modules that are loaded after ``program`` in a new Python."""
    show = "import sys; print(*sorted(name for name in sys.modules if 'leoclr' in name))"
    run = subprocess.run(
        [sys.executable, "-c", f"{program}\n{show}"], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    # An editable install has a finder of setuptools.
    return [name for name in run.stdout.split() if not name.startswith("__editable__")]


def test_a_start_of_python_loads_nothing():
    assert loaded("") == []


def test_the_line_of_an_earlier_leoclr_pth_loads_an_empty_module():
    names = ["leoclr_plugin", "leoclr_plugin.startup", "leoclr_plugin.version"]
    assert loaded("import leoclr_plugin.startup") == names
