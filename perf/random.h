// Random: which packet comes next. The same sequence in every run, and next to no time.
#pragma once

#include <cstdint>

namespace weft::perf {

/// xorshift64: https://www.jstatsoft.org/article/view/v008i14
class Random {
 public:
  std::uint64_t operator()() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    return state_ ^= state_ << 17U;
  }

 private:
  std::uint64_t state_ = 88172645463325252U;
};

}  // namespace weft::perf
