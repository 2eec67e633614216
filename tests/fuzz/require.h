// require: an assertion that fuzz targets keep in every build type.
#pragma once

#include <cstdio>

namespace weft::fuzz {

/// Names its place and stops the process if a property does not hold: libFuzzer then keeps the input.
/// (The compilers' builtins: clang 14 has no std::source_location.)
inline void require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "error: %s:%d: require\n", file, line);
  __builtin_trap();
}

}  // namespace weft::fuzz
