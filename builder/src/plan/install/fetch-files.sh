# Fetches files of @NODE@ and puts them into the installed system, once each is known to be what it was.
set -eu
umask 077
files=$(mktemp -d /tmp/imgbuild-XXXXXX)
trap 'rm -rf "$files"' EXIT
cd "$files"
while read -r _ path; do
    mkdir -p "$(dirname "$path")"
    curl --silent --show-error --fail --retry 5 --noproxy '*' --output "$path" "@URL@/$path"
done <<'IMGBUILD_FILES'
@SUMS@IMGBUILD_FILES
sha256sum --check --quiet - <<'IMGBUILD_SUMS'
@SUMS@IMGBUILD_SUMS
umask 022
