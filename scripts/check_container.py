"""Runs every step of deploy/Containerfile in a clean root, and then the server with its health check, without building.

    unshare --mount python scripts/check_container.py FOLDER [--target cuda] [--pip-args "--index-url …"]

For root on Linux. Each stage's root is this machine's in an overlay under FOLDER, with a Python of its own; what a step
writes stays there. The first stage that fails ends the check.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).parents[1]
Step = tuple[str, str]
"""A word, such as RUN, and what follows it."""


def stages(text: str) -> dict[str, list[Step]]:
    """Steps of each stage by its name, the one it is from first."""
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    found: dict[str, list[Step]] = {}
    for line in filter(str.strip, lines):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, name = rest.split(" AS ")
            found[name] = list(found.get(base, []))
        else:
            found[name].append((word, rest.strip()))
    return found


class Root:
    """A root to run the steps of one stage in."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name / "root"
        upper, work = folder / name / "upper", folder / name / "work"
        for place in (self.path, upper, work):
            place.mkdir(parents=True)
        options = f"lowerdir=/,upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.path], check=True)
        for place in ("dev", "proc"):
            subprocess.run(["mount", "--bind", f"/{place}", self.path / place], check=True)
        self.environment = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "LANG"))}
        self.environment["PATH"] = "/opt/python/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.workdir, self.user = "/", ""
        for place in Path(sys.base_prefix).parents:  # it may lie in a home, and the server's user has to reach it
            self.run(f"chmod a+x {shlex.quote(str(place))}")
        self.run(f"{shlex.quote(sys.base_prefix)}/bin/python3 -m venv /opt/python")

    def command(self, script: str) -> list[str]:
        """What runs a script of the shell inside."""
        user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return ["chroot", str(self.path), *user, "sh", "-ec", f"cd {shlex.quote(self.workdir)}; {script}"]

    def run(self, script: str) -> None:
        """Run a script of the shell inside."""
        subprocess.run(self.command(script), env=self.environment, check=True)

    def inside(self, path: str) -> Path:
        """Where a path of the stage lies."""
        return self.path / (Path(self.workdir) / path).relative_to("/")

    def copy(self, sources: list[Path], target: str) -> None:
        """As COPY does: a folder's contents, or files into a folder."""
        for source in sources:
            place = self.inside(target)
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True)
            else:
                shutil.copy(source, place)


def build(folder: Path, name: str, steps: list[Step], pip_args: str, others: dict[str, Root]) -> Root:
    """Do the steps of a stage."""
    root = Root(folder, name)
    root.environment["PIP_ARGS"] = pip_args
    for word, rest in steps:
        print(f"{name}: {word} {rest[:100]}", flush=True)
        if word == "RUN":
            root.run(rest)
        elif word == "ENV":
            root.environment |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif word == "WORKDIR":
            root.workdir = rest
            root.inside(".").mkdir(parents=True, exist_ok=True)
        elif word == "USER":
            root.user = rest
        elif word == "COPY":
            *given, target = rest.removeprefix("--from=convert ").split()
            base = others["convert"].path if rest.startswith("--from") else SOURCE
            root.copy([base / path.lstrip("/") for path in given], target)
    return root


def serve(root: Root, steps: list[Step]) -> None:
    """Start what the container starts, and wait until its health check says that it is well."""
    last = dict(steps)
    started = shlex.join([*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])])
    check = shlex.join(json.loads(last["HEALTHCHECK"].partition("CMD ")[2]))
    root.environment["SPARK_TTS_API_KEY"] = "a-key-for-the-check"
    with subprocess.Popen(root.command(f"exec {started}"), env=root.environment) as server:
        for _ in range(60):
            time.sleep(1)
            if subprocess.run(root.command(check), env=root.environment, stderr=subprocess.DEVNULL).returncode == 0:
                break
        else:
            raise SystemExit("error: the container's health check never passed")
        server.terminate()
    if server.returncode:
        raise SystemExit(f"error: the server ended with status {server.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet, on a disk with 10 GB")
    parser.add_argument("--target", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--pip-args", default="")
    given = parser.parse_args()
    known = stages((SOURCE / "deploy" / "Containerfile").read_text(encoding="utf-8"))
    roots: dict[str, Root] = {}
    for name in ("convert", given.target):
        roots[name] = build(given.folder.absolute(), name, known[name], given.pip_args, roots)
    serve(roots[given.target], known[given.target])
    print(f"every step of {given.target} was done, and its server is well")


if __name__ == "__main__":
    main()
