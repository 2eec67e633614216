// Fields: the fields of one JSON object, read by name, with errors that name the path.
//
// A reader that keeps its first complaint: the caller reads field after field without checking
// each, then asks once. Fields that nobody asked for are refused by finish(), so a typing error is
// never silently ignored.
//
//   Fields fields{json, "segment"};
//   config.name = fields.required_name("name");
//   config.ttl = fields.number<std::uint8_t>("ttl", 64, 1, 255);
//   if (auto failure = fields.finish()) return *failure;
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/failure.h"
#include "dataplane/net/addr.h"

namespace weft::control {

/// Keeps the order in which fields were written, so that answers read like README.md.
using Json = nlohmann::ordered_json;

/// `text` in quotes for a message, shortened when it is long.
[[nodiscard]] std::string in_quotes(std::string_view text);
/// A JSON value for a message: scalars as they are (shortened), the rest by its type.
[[nodiscard]] std::string shown(const Json& value);

/// 1 to `limit` characters of [A-Za-z0-9._-], the first one a letter or digit.
[[nodiscard]] bool is_name(std::string_view text, std::size_t limit = 63) noexcept;

class Fields {
 public:
  /// `object`: what messages begin with ("segment"); `path`: where `json` is inside the parameters
  /// ("endpoints[1]"), empty at the top. `json` outlives the reader.
  Fields(const Json& json, std::string object, std::string path = {});

  /// The field, marked as known; nullptr when it is absent.
  [[nodiscard]] const Json* find(const char* name);
  [[nodiscard]] bool has(const char* name) const;

  // Each reads one field; absent: the fallback, or a complaint when it is required. After a
  // complaint the values are meaningless, and finish() says so.
  [[nodiscard]] bool flag(const char* name, bool fallback);
  [[nodiscard]] bool required_flag(const char* name);
  [[nodiscard]] std::string text(const char* name, std::string_view fallback);
  [[nodiscard]] std::string required_text(const char* name);
  [[nodiscard]] std::string required_name(const char* name, std::size_t limit = 63);
  [[nodiscard]] std::optional<MacAddress> mac(const char* name);
  [[nodiscard]] std::optional<IpAddress> address(const char* name);
  [[nodiscard]] std::vector<IpAddress> addresses(const char* name);
  [[nodiscard]] std::optional<IpPrefix> prefix(const char* name);
  /// An address without a length is itself alone: /32 or /128.
  [[nodiscard]] std::vector<IpPrefix> prefixes(const char* name);

  /// An integer of low ... high.
  template <typename Number>
  [[nodiscard]] Number number(const char* name, Number fallback, Number low, Number high) {
    return static_cast<Number>(integer(name, fallback, low, high));
  }
  /// As above; 0 is allowed too, and means "choose for me".
  template <typename Number>
  [[nodiscard]] Number number_or_zero(const char* name, Number fallback, Number low, Number high) {
    const Json* field = find(name);
    if (field != nullptr && field->is_number_integer() && *field == 0) return 0;
    return number<Number>(name, fallback, low, high);
  }

  /// One of a list of words: `parse` answers an optional, `words` is what a complaint lists.
  template <typename Value, typename Parse>
  [[nodiscard]] Value word(const char* name, Value fallback, Parse parse, std::string_view words) {
    if (!has(name)) return fallback;
    const std::string given = required_text(name);
    const std::optional<Value> value = parse(given);
    if (value.has_value()) return *value;
    refuse(name, in_quotes(given) + " is none of " + std::string{words});
    return fallback;
  }

  /// Calls visit(element, path) for each element of an array field.
  template <typename Visit>
  void for_each(const char* name, Visit visit) {
    const Json* array = find(name);
    if (array == nullptr) return;
    if (!array->is_array()) {
      refuse(name, shown(*array) + " is not an array");
      return;
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      visit((*array)[i], path_of(name) + "[" + std::to_string(i) + "]");
    }
  }

  /// Complains about a field, unless there is an earlier complaint.
  void refuse(const char* name, std::string_view reason);
  /// Complains about the object itself.
  void refuse_whole(std::string_view reason);
  /// Adopts a nested reader's complaint.
  void adopt(std::optional<Failure> failure);
  [[nodiscard]] bool is_ok() const noexcept { return !failure_.has_value(); }

  /// The first complaint, or one about the first field that nobody asked for.
  [[nodiscard]] std::optional<Failure> finish();

 private:
  [[nodiscard]] std::uint64_t integer(
      const char* name, std::uint64_t fallback, std::uint64_t low, std::uint64_t high
  );
  [[nodiscard]] std::string path_of(std::string_view name) const;
  void refuse_path(const std::string& path, std::string_view reason);
  [[nodiscard]] const std::string* string_at(const Json& json, const std::string& path);
  [[nodiscard]] std::optional<IpAddress> address_at(const Json& json, const std::string& path);
  [[nodiscard]] std::optional<IpPrefix> prefix_at(const Json& json, const std::string& path);

  const Json& json_;
  std::string object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
  std::optional<Failure> failure_;
};

}  // namespace weft::control
