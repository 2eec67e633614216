#include "control/cli/selector.h"

#include <algorithm>
#include <string>

#include "control/cli/render.h"
#include "dataplane/net/addr.h"

namespace weft::cli {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kGroup = "group:";
constexpr std::string_view kLabel = "label:";
constexpr std::string_view kCidr = "cidr:";

std::string_view without(std::string_view word, std::string_view prefix) {
  if (word.starts_with(prefix)) word.remove_prefix(prefix.size());
  return word;
}

}  // namespace

bool is_selector(std::string_view word) {
  if (word == "any") return true;
  if (word.starts_with(kGroup)) return word.size() > kGroup.size();
  if (word.starts_with(kLabel)) return word.size() > kLabel.size();
  const std::string_view prefix = without(word, kCidr);
  return parse_prefix(prefix).has_value() || parse_ip(prefix).has_value();
}

Json selector_of(std::string_view word) {
  if (word == "any") return "any";
  if (word.starts_with(kGroup)) return {{"group", std::string{without(word, kGroup)}}};
  if (!word.starts_with(kLabel)) return {{"cidr", std::string{without(word, kCidr)}}};
  Json terms = Json::array();
  word = without(word, kLabel);
  while (!word.empty()) {
    const std::string_view term = word.substr(0, word.find(','));
    terms.push_back(std::string{term});
    word.remove_prefix(std::min(word.size(), term.size() + 1));
  }
  return {{"labels", terms}};
}

std::string format_selector(const Json& selector) {
  if (selector.is_string()) return text_of(selector);
  if (!selector.is_object()) return "-";
  if (selector.contains("group")) return std::string{kGroup} + text_at(selector, "group");
  if (selector.contains("cidr")) return text_at(selector, "cidr");
  std::string terms;
  for (const Json& term : list_at(selector, "labels")) {
    terms += (terms.empty() ? "" : ",") + text_of(term);
  }
  return std::string{kLabel} + terms;
}

}  // namespace weft::cli
