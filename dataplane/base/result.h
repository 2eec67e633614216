// Result<T>: the value, or an Error whose message is a sentence for the operator.
//
// Used on cold paths only (control, configuration, set-up). Hot paths return std::optional,
// a pointer or a DropReason. A message names the object, the value and the limit:
//
//   Result<Vni> parse_vni(std::uint64_t value) {
//     if (value > kMaxVni) return Error{"segment.vni: 16777216 is above the limit 16777215"};
//     return Vni{...};
//   }
//
// A layer whose errors say more than a sentence names its own type: Result<T, Failure> (control/).
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace weft {

struct Error {
  std::string message;
};

/// Success of an operation that returns nothing else.
struct Ok {};

template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  // Converting on purpose: `return value;` and `return Error{...};` both read well.
  Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}  // NOLINT
  Result(E error) : state_{std::in_place_index<1>, std::move(error)} {}  // NOLINT

  [[nodiscard]] bool is_ok() const noexcept { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return is_ok(); }

  /// Precondition: is_ok().
  [[nodiscard]] T& value() & noexcept { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] const T& value() const& noexcept { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] T&& value() && noexcept { return std::move(*checked(std::get_if<0>(&state_))); }
  [[nodiscard]] T& operator*() & noexcept { return value(); }
  [[nodiscard]] const T& operator*() const& noexcept { return value(); }
  [[nodiscard]] T* operator->() noexcept { return &value(); }
  [[nodiscard]] const T* operator->() const noexcept { return &value(); }

  /// Precondition: !is_ok().
  [[nodiscard]] const E& error() const noexcept { return *checked(std::get_if<1>(&state_)); }

 private:
  template <typename P>
  static P* checked(P* pointer) noexcept {
    assert(pointer != nullptr);
    return pointer;
  }

  std::variant<T, E> state_;
};

using Status = Result<Ok>;

}  // namespace weft
