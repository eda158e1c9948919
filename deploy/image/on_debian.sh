#!/bin/sh
# Builds the image on a Debian machine as root, without a container engine and without a registry, by mmdebstrap and
# buildah: sh deploy/image/on_debian.sh TAG [further options of buildah build]
# It hands on pip's own settings file and the certificates of this machine, as secrets of the build.
set -eu
tag=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! buildah inspect --type image localhost/vultus-base >/dev/null 2>&1; then
  # As small as Debian's own slim images: without manuals, and without Perl's 48 MB, which only the package that merges
  # /usr asks for; here it is merged from the beginning.
  mmdebstrap --quiet --variant=minbase --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' \
    bookworm "$folder/base.tar"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder/base.tar" /
  buildah commit --quiet --rm "$container" localhost/vultus-base >/dev/null
fi

cp "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$folder/ca.pem"
for settings in "${PIP_CONFIG_FILE:-}" "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" /etc/pip.conf /dev/null; do
  [ -r "$settings" ] && cat "$settings" > "$folder/pip.conf" && break
done
buildah build --isolation chroot --format docker --build-arg BASE=localhost/vultus-base \
  --secret "id=pip.conf,src=$folder/pip.conf" --secret "id=ca.pem,src=$folder/ca.pem" --tag "$tag" "$@" .
