# Puts files of @NODE@ into the installed system, once each is known to be what it was.
set -eu
umask 022
medium=/run/install/repo
cd "$medium/imgbuild" || exit 1
sha256sum --check --quiet - <<'IMGBUILD_SUMS'
@SUMS@IMGBUILD_SUMS
