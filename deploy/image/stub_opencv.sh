#!/bin/sh
# Replaces the libraries of OpenCV that only video and linear algebra use by empty ones of the same names and symbols,
# 73 MB less: sh stub_opencv.sh SITE_PACKAGES
# Vultus resizes, warps, filters and encodes with OpenCV. A program that calls one of these symbols crashes; the build of
# the image ends with `vultus doctor`, which calls what Vultus does. Its AVIF stays: each picture is shown to that first.
set -eu
module=$(echo "$1"/cv2/cv2.abi3.so)
libraries=$1/opencv_python_headless.libs
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
nm --dynamic --undefined-only "$module" | sed 's/^ *[Uw] //; s/@.*//' | sort -u > "$scratch/wanted"

# An empty library of the same name, with the symbols that the module asks for, at the version that they have there.
write_stub() {
  nm --dynamic --defined-only "$1" | sed 's/.* //; s/@.*//' | sort -u | comm -12 - "$scratch/wanted" > "$scratch/symbols"
  sed 's/.*/.globl &\n.type &, %function\n&: .zero 16/' "$scratch/symbols" > "$scratch/stub.s"
  as -o "$scratch/stub.o" "$scratch/stub.s"
  version=$(readelf --version-info --wide "$1" | sed -n 's/.*Flags: none .*Name: //p' | head -n 1)
  printf '%s { global: *; };\n' "$version" > "$scratch/versions"
  ld -shared -soname "${1##*/}" --version-script "$scratch/versions" -o "$1" "$scratch/stub.o"
}

for library in "$libraries"/*; do
  case ${library##*/} in
    libpng* | libavif* | libaom*) ;;
    libopenblas* | libav* | libswscale*) write_stub "$library" ;;
    *) rm "$library" ;;  # of those above
  esac
done
