// The spool: departures that could not be carried out, one durable file each.
//
//   <folder>/<container>:<ifname>.json
//
// A Departure says everything that is needed later, by another process: what to detach at which daemon, and
// the lease to give back after that (an address is not free while somebody may still answer to it).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/connector/attachment.h"
#include "control/connector/ipam.h"
#include "control/connector/problem.h"

namespace weft::connector {

struct Departure {
  Attachment attachment;
  std::string socket;            // of the daemon that has the endpoint
  std::optional<IpamCall> ipam;  // the lease
  unsigned attempts{};           // that failed with the daemon there
};

[[nodiscard]] Json to_json(const Departure& departure);
/// nullopt: it is none.
[[nodiscard]] std::optional<Departure> parse_departure(const Json& json);

class Spool {
 public:
  explicit Spool(std::string folder) : folder_{std::move(folder)} {}

  /// When it answers Ok it is on disk. Replaces an earlier one of the same attachment.
  [[nodiscard]] Done put(const Departure& departure) const;
  /// That of one attachment. One that can not be read is taken away.
  [[nodiscard]] std::optional<Departure> find(const Attachment& attachment) const;
  /// Attachments that have one, at most `limit`.
  [[nodiscard]] std::vector<Attachment> list(std::size_t limit) const;
  void remove(const Attachment& attachment) const;

 private:
  [[nodiscard]] std::string path_of(const Attachment& attachment) const;

  std::string folder_;
};

}  // namespace weft::connector
