#include "control/connector/version.h"

#include <algorithm>

namespace weft::connector {

std::optional<SpecVersion> parse_version(std::string_view text) noexcept {
  const auto* const found =
      std::ranges::find(kVersions, text, [](SpecVersion version) { return format(version); });
  if (found == kVersions.end()) return std::nullopt;
  return *found;
}

std::string_view format(SpecVersion version) noexcept {
  switch (version) {
    case SpecVersion::v0_1_0:
      return "0.1.0";
    case SpecVersion::v0_2_0:
      return "0.2.0";
    case SpecVersion::v0_3_0:
      return "0.3.0";
    case SpecVersion::v0_3_1:
      return "0.3.1";
    case SpecVersion::v0_4_0:
      return "0.4.0";
    case SpecVersion::v1_0_0:
      return "1.0.0";
    case SpecVersion::v1_1_0:
      return "1.1.0";
  }
  return "";
}

}  // namespace weft::connector
