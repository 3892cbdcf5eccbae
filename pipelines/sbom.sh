#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a build needs of other people's software, from the files it links and dpkg's record of them:
#   sbom.sh BUILD_DIR            an SPDX 2.3 document (JSON)
#   sbom.sh BUILD_DIR --table    the table of docs/third-party.md
# Direct: a library that liblus, the elements or the tool name themselves. Others come with these.
set -euo pipefail
export LC_ALL=C
build=${1:?build directory} form=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
for tool in readelf ldd dpkg-query jq; do
  command -v "$tool" > /dev/null || { echo "error: $tool is missing" >&2; exit 1; }
done
artefacts=()
for file in "$build"/lib/liblus.so.*.*.*[0-9] "$build"/gst/libgstlus-1.0.so.*.*.*[0-9] "$build"/gst/plugin/libgstlus.so "$build"/tools/lus; do
  [ -f "$file" ] || { echo "error: $file is not built" >&2; exit 1; }
  artefacts+=("$file")
done
version=$(sed -n "s/^ *version: '\([^']*\)',$/\1/p" "$root/meson.build" | head -n 1)

# Licences of the package's copyright file, if it is machine-readable.
licences() {
  sed -nE 's/^License: *([^ ].*)$/\1/p' "/usr/share/doc/$1/copyright" 2> /dev/null | sort -u | paste -sd ';' | sed 's/;/; /g'
}
needed=$(for file in "${artefacts[@]}"; do readelf -dW "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; done | sort -u)
libraries=$(for file in "${artefacts[@]}"; do ldd "$file" | sed -nE 's/^\t([^ ]+) => (\/[^ ]+) .*/\1 \2/p'; done | sort -u |
  grep -vE '/lib(lus|gstlus)[^/]*\.so')
# dpkg knows a file by the name it was unpacked to, the linker by another: all of them are asked for at once.
owners=$(awk '{ print $2 }' <<< "$libraries" | while read -r path; do real=$(realpath "$path"); printf '%s\n' "$path" "$real" "/usr$real" "${real#/usr}"; done |
  sort -u | xargs dpkg-query -S 2> /dev/null | sed -nE 's/^([^:, ]+)(:[a-z0-9]+)?: (.*)$/\3 \1/p' || true)
packages=$(while read -r name path; do
  real=$(realpath "$path")
  package=$(awk -v a="$path" -v b="$real" -v c="/usr$real" -v d="${real#/usr}" \
    '$1 == a || $1 == b || $1 == c || $1 == d { print $2; exit }' <<< "$owners")
  [ -n "$package" ] || { echo "error: $path belongs to no package" >&2; exit 1; }
  kind=indirect
  grep -qxF "$name" <<< "$needed" && kind=direct
  echo "$package $kind"
done <<< "$libraries" | awk '{ if (!($1 in kind) || $2 == "direct") kind[$1] = $2 } END { for (p in kind) print p "\t" kind[p] }' | sort)
versions=$(cut -f 1 <<< "$packages" | xargs dpkg-query -W -f '${Package}\t${Version}\t${source:Package}\n' | sort -u -k 1,1)
rows=$(join -t "$(printf '\t')" <(LC_ALL=C sort <<< "$packages") <(LC_ALL=C sort <<< "$versions") | while IFS= read -r row; do
  printf '%s\t%s\n' "$row" "$(licences "${row%%$'\t'*}")"
done)
if [ "$form" = --table ]; then
  echo "| package | version | source | licences in its copyright file |"
  echo "|---|---|---|---|"
  awk -F '\t' '$2 == "direct" { print "| " $1 " | " $3 " | " $4 " | " $5 " |" }' <<< "$rows"
  exit 0
fi
# The time is the commit's, so that the same commit on the same packages gives the same document.
created=$(git -C "$root" log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2> /dev/null || echo 1970-01-01T00:00:00Z)
commit=$(git -C "$root" rev-parse HEAD 2> /dev/null || echo unknown)
models=$(cd "$root/lib/models" && sha256sum -- *)
jq -n --arg version "$version" --arg created "$created" --arg commit "$commit" --arg rows "$rows" --arg models "$models" '
  def id: gsub("[^A-Za-z0-9.-]"; "-");
  ($rows | split("\n") | map(select(. != "") | split("\t"))) as $packages |
  ($models | split("\n") | map(select(. != "") | capture("^(?<sum>[0-9a-f]+) +(?<name>.*)$"))) as $files |
  { spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", name: "lus-\($version)",
    documentNamespace: "https://spdx.org/spdxdocs/lus-\($version)-\($commit)",
    creationInfo: { created: $created, creators: ["Tool: pipelines/sbom.sh"] },
    packages: ([{ SPDXID: "SPDXRef-lus", name: "lus", versionInfo: $version, downloadLocation: "NOASSERTION",
      filesAnalyzed: false, licenseDeclared: "LGPL-2.1-or-later", licenseConcluded: "NOASSERTION", copyrightText: "NOASSERTION" }]
      + ($packages | map({ SPDXID: "SPDXRef-\(.[0] | id)", name: .[0], versionInfo: .[2], sourceInfo: "Debian source package \(.[3])",
        downloadLocation: "NOASSERTION", filesAnalyzed: false, licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION",
        licenseComments: .[4], copyrightText: "NOASSERTION",
        externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
          referenceLocator: "pkg:deb/debian/\(.[0] | @uri)@\(.[2] | @uri)" }] }))),
    files: ($files | map({ SPDXID: "SPDXRef-file-\(.name | id)", fileName: "./lib/models/\(.name)",
      checksums: [{ algorithm: "SHA256", checksumValue: .sum }], licenseConcluded: "NOASSERTION", copyrightText: "NOASSERTION" })),
    relationships: ([{ spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-lus" }]
      + ($packages | map({ spdxElementId: "SPDXRef-lus", relationshipType: "DYNAMIC_LINK",
        relatedSpdxElement: "SPDXRef-\(.[0] | id)", comment: .[1] }))
      + ($files | map({ spdxElementId: "SPDXRef-lus", relationshipType: "CONTAINS", relatedSpdxElement: "SPDXRef-file-\(.name | id)" }))) }'
