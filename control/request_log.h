// RequestLog: what requests with an id were answered, so that the same id answers the same result again.
//
// Ids belong to the user who sent them. The last kKept are remembered, in the order in which they were answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control/fields.h"

namespace weft::control {

class RequestLog {
 public:
  static constexpr std::size_t kKept = 10000;

  struct Answered {
    std::string fingerprint;
    std::string answer;  // JSON
  };

  /// nullptr: the id is new, or forgotten.
  [[nodiscard]] const Answered* find(const std::string& owner, const std::string& id) const {
    const auto found = answers_.find({owner, id});
    return found == answers_.end() ? nullptr : &found->second;
  }

  void put(const std::string& owner, const std::string& id, Answered answered) {
    Key key{owner, id};
    if (answers_.insert_or_assign(key, std::move(answered)).second) order_.push_back(key);
    if (order_.size() <= kKept) return;
    answers_.erase(order_.front());
    order_.pop_front();
  }

  /// Of a method and its parameters, the same in every process: FNV-1a, 64 bits.
  [[nodiscard]] static std::string fingerprint(std::string_view method, const Json& params) {
    constexpr std::uint64_t kPrime = 0x100000001B3;
    std::uint64_t hash = 0xCBF29CE484222325;
    const std::string text = params.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    }
    return std::string{method}.append(" ").append(std::to_string(hash));
  }

 private:
  using Key = std::pair<std::string, std::string>;

  std::map<Key, Answered> answers_;
  std::deque<Key> order_;
};

}  // namespace weft::control
