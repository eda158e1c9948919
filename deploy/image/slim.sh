#!/bin/sh
# Removes from an environment what no program that runs needs: sh slim.sh VENV
# Debug symbols (58 MB, most of them in NumKong, SQLAlchemy and uvloop), tests, headers, and of ONNX Runtime the library
# for C programs and the tools that convert models; its Python module holds the same code itself. Of OpenCV video.
set -eu
packages=$(echo "$1"/lib/python3.*/site-packages)
# Not the bundled libraries (*.libs): auditwheel moved their headers, and strip would leave them unreadable.
find "$packages" -path '*.libs' -prune -o -name '*.so' -type f -exec sh -c '
  for library; do
    if readelf --sections --wide "$library" | grep -q " \.debug_info "; then strip --strip-debug "$library"; fi
  done' sh {} +
find "$packages" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
rm -rf "$packages"/numpy/f2py "$packages"/numpy/_core/include "$packages"/numpy/_core/lib "$packages"/sqlalchemy/testing
rm -rf "$packages"/onnxruntime/transformers "$packages"/onnxruntime/tools "$packages"/onnxruntime/quantization
rm -f "$packages"/onnxruntime/capi/libonnxruntime.so.*
find "$packages" \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) -delete
sh "$(dirname "$0")/stub_opencv.sh" "$packages"
