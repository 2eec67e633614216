// require: an assertion that fuzz targets keep in every build type.
#pragma once

namespace weft::fuzz {

/// Stops the process if a property does not hold: libFuzzer then keeps the input.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace weft::fuzz
