// Reader: the keys of one JSON object, read by name, with problems that name the path.
//
// It keeps its first complaint, so the caller reads key after key and asks once. Keys are found in any
// case: callers written in Go without JSON names send `IngressRate` for `ingressRate`. null counts as
// absent. Keys that nobody asks for are let through: a CNI configuration is shared with others.
//
//   Reader reader{config, "config"};
//   wanted.mtu = reader.number("mtu", 68, 65535).value_or(0);
//   if (auto problem = reader.problem()) return *problem;
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/connector/problem.h"
#include "dataplane/net/addr.h"

namespace weft::connector {

/// The value of `key`, in any case, the exact one first; nullptr when it is absent or null, or when
/// `object` is none.
[[nodiscard]] const Json* find_key(const Json& object, std::string_view key);

/// A value for a sentence: text in quotes, numbers as they are, the rest by its type.
[[nodiscard]] std::string shown(const Json& value);
[[nodiscard]] std::string in_quotes(std::string_view text);

using Labels = std::map<std::string, std::string>;

class Reader {
 public:
  /// `path`: what sentences begin with ("config", "runtimeConfig.bandwidth"). `object` outlives the
  /// reader; nullptr reads as an empty object.
  Reader(const Json* object, std::string path);

  [[nodiscard]] const Json* find(std::string_view key) const { return find_key(*object_, key); }
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> flag(std::string_view key);
  /// An integer of low ... high.
  [[nodiscard]] std::optional<std::uint64_t> number(
      std::string_view key, std::uint64_t low, std::uint64_t high
  );
  /// A list of texts; empty when absent.
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);
  /// A text or a list of texts.
  [[nodiscard]] std::vector<std::string> text_or_texts(std::string_view key);
  /// {"k": "v"} as well as [{"key": "k", "value": "v"}], where `value` may be absent.
  [[nodiscard]] Labels labels(std::string_view key);
  /// An object; nullptr when absent.
  [[nodiscard]] const Json* object(std::string_view key);
  /// A list; an empty one when absent.
  [[nodiscard]] const Json& list(std::string_view key);

  /// Complains about a key, unless there is an earlier complaint.
  void refuse(
      std::string_view key, std::string_view reason, ProblemCode code = ProblemCode::bad_config
  );
  /// Adopts a nested reader's complaint.
  void adopt(const Reader& inner);
  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] const std::optional<Problem>& problem() const noexcept { return problem_; }

 private:
  void add_label(Labels& labels, std::string_view key, const Json& pair);

  const Json* object_;
  std::string path_;
  std::optional<Problem> problem_;
};

}  // namespace weft::connector
