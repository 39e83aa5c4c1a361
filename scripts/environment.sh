# Sourced by the other scripts: a virtual environment of the project, made once and brought up to date.

# make_environment FOLDER REQUIREMENT...   installs with pip into FOLDER, with the versions of constraints.txt, or of $CONSTRAINTS
# Python compiles what is imported, so pip need not compile all that is installed.
make_environment() {
  local folder=$1
  shift
  local python
  python=$(find_python) || return 1
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --upgrade "pip>=25.1"
  "$folder/bin/python" -m pip install --quiet --no-compile --constraint "${CONSTRAINTS:-constraints.txt}" "$@"
}

find_python() {
  local name
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "error: Python 3.11 or later is needed; set PYTHON to one" >&2
  return 1
}

# need_programs PROGRAM:PACKAGE...   installs missing programs with apt-get where that is possible
need_programs() {
  local entry missing=()
  for entry in "$@"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "error: please install: ${missing[*]}" >&2
    return 1
  fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}
