"""Install a built wheel and sdist, each into an environment of its own, and run a small study with it."""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

TRIAL = """
import sys
from importlib.resources import files
import tidewatt
from tidewatt.cli import main
assert files("tidewatt").joinpath("py.typed").is_file(), "py.typed is not installed"
assert main(["example", "village", "village"]) == 0
assert main(["coordinate", "village", "--out", "result"]) == 0
assert main(["verify", "result"]) == 0
"""


def main(dist: Path) -> None:
    """Try every file of a folder that can be installed."""
    wheels, sources = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    assert len(wheels) == len(sources) == 1, f"one wheel and one sdist are expected in {dist}"
    names = zipfile.ZipFile(wheels[0]).namelist()
    assert "tidewatt/py.typed" in names and not any(name.startswith("tests") for name in names)
    for file in wheels + sources:
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
            subprocess.run([python, "-m", "pip", "install", "--quiet", file.resolve()], check=True)
            subprocess.run([python, "-c", TRIAL], cwd=folder, check=True)
        print(f"{file.name}: installed and tried")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
