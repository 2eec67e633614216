// Selectors as the CLI writes them: one side of a policy rule in one word.
//
//   any   group:web   label:app=web,!canary   cidr:10.0.0.0/8   10.0.0.0/8
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace weft::cli {

[[nodiscard]] bool is_selector(std::string_view word);

/// In the words of the protocol (control/README.md). Precondition: is_selector(word).
[[nodiscard]] nlohmann::json selector_of(std::string_view word);

/// The other way round, for tables; "-" for what is no selector.
[[nodiscard]] std::string format_selector(const nlohmann::json& selector);

}  // namespace weft::cli
