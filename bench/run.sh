#!/usr/bin/env bash
# The benchmarks: our rule layer beside its peers, in environments of their own (bench/.venv*).
# A peer that cannot be installed is shown as "not installed"; the rest runs. First run: up to
# 20 minutes of downloads (llm-guard needs torch); later runs: about two minutes.
set -u
cd "$(dirname "$0")" || exit 3
PYTHON=${PYTHON:-python3}
INSTALL_SECONDS=${INSTALL_SECONDS:-900}
mkdir -p out

# environment FOLDER PACKAGE...: made once, and anew when its list of packages changes.
environment() {
  local folder=$1 stamp=$1/installed
  shift
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
  "$PYTHON" -m venv "$folder" || return 1
  echo "bench: installing $* into bench/$folder" >&2
  timeout "$INSTALL_SECONDS" "$folder/bin/python" -m pip install --quiet \
    --disable-pip-version-check "$@" >"out/install-${folder#.venv}.log" 2>&1 || {
    echo "bench: $folder is incomplete, see bench/out/install-${folder#.venv}.log" >&2
    return 1
  }
  echo "$*" >"$stamp"
}

[ ../pyproject.toml -nt .venv/installed ] && rm -f .venv/installed # our dependencies changed
environment .venv -e "..[image]" opencc pillow-heif pypdf python-docx --config-settings editable_mode=compat || exit 3
environment .venv-ahocorasick pyahocorasick==2.3.1
environment .venv-presidio presidio-analyzer==2.2.366
# torch first and apart: llm-guard's own pin of it would fetch a far larger build.
environment .venv-llmguard torch==2.13.0 llm-guard==0.3.16

.venv/bin/python rule_layer.py "$@" && .venv/bin/python startup.py && .venv/bin/python chart.py || exit
for part in "evasion.py --quick" pii_recall.py pii_held_out.py injection.py blind.py "labels.py --publish" "image_mark.py --quick"; do
  echo && echo "== $part" && .venv/bin/python $part || exit
done
