"""The least versions that pyproject.toml names for what the runtime needs, as constraints for pip.

python scripts/least_versions.py > build/least.txt
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in (*project["dependencies"], *extras["cpu"], *extras["aac"]):
    print(re.sub(r"\[.*?\]|>=", lambda found: "==" if found[0] == ">=" else "", requirement))
