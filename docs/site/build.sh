#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The documentation as a site with a search: build.sh LUS SOURCE_ROOT FOLDER makes FOLDER/html. Needs Debian's mkdocs.
set -euo pipefail
lus=$(realpath "$1") root=$(realpath "$2") folder=$3
command -v mkdocs > /dev/null || { echo "error: there is no mkdocs; on Debian: apt-get install mkdocs" >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder/pages"
cd "$root"
# Pages and pictures, where they are in the repository, so that their links hold.
find README.md docs pipelines/README.md -path docs/site -prune -o -type f \( -name '*.md' -o -name '*.png' \) -print |
  while read -r file; do install -m 644 -D "$file" "$folder/pages/$file"; done
cp docs/site/mkdocs.yml docs/site/links.py "$folder/"
docs/site/reference.py "$lus" "$root" "$folder/pages/reference"
mkdocs build --quiet --strict -f "$folder/mkdocs.yml"
echo "$folder/html/index.html"
